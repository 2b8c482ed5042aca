// The Elman recurrence, plain or layer-normalised, over all steps of a batch, forward and backward, on the CPU.
//
// Every thread takes its own sequences through all steps, so that threads meet once a pass and not twice a step, and
// what a step computes on the way (the input's share, the sums and their gradients) stays in the thread's cache: only
// states and normalised sums are written out. What need not wait for the step before (the input's share, the gradients
// of the weights and of the input) is a product over many steps at once. A thread's sequences are sorted by length, so
// that those still running at a step are the first so many rows, and nothing is computed for padding.

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include "recurrence.h"

namespace seqvision {
namespace {

// x, or a copy, with rows that lie in one piece.
Tensor in_rows(const Tensor& x) { return !x.defined() || x.stride(-1) == 1 ? x : x.contiguous(); }

// The states of all steps, zeros in the padding, and the last of every sequence; where `save` is set and there is a
// gain, also xhat and 1 / deviation in the plan's order.
template <typename scalar>
std::tuple<Tensor, Tensor, Tensor, Tensor> run_forward(const Tensor& x, const optional<Tensor>& lengths,
                                                       const Tensor& w_in, const Tensor& w,
                                                       const optional<Tensor>& gain, const Tensor& bias,
                                                       const optional<Tensor>& before, double eps, bool reverse,
                                                       bool save) {
  const Plan plan(x, lengths, reverse);
  const int64_t inputs = w_in.size(1), size = w.size(0);
  Tensor states = at::empty({x.size(0), x.size(1), size}, x.options());
  Tensor last = at::empty({x.size(0), size}, x.options());
  Tensor xhat, inverse;
  if (save && gain) {
    xhat = at::empty({plan.first.back(), size}, x.options()), inverse = at::empty({plan.first.back()}, x.options());
  }

  const bool turn = plan.steps() < STEPS_TO_TRANSPOSE;
  const Tensor used_in = turn ? w_in : w_in.t().contiguous(), used = turn ? w : w.t().contiguous();
  const Matrix<scalar> input{pointer<scalar>(used_in), turn ? inputs : size, turn};
  const Matrix<scalar> recurrent{pointer<scalar>(used), size, turn};
  const Steps<scalar> x_at(x, plan), state_at(states, plan);
  const scalar *gains = pointer<scalar>(gain), *biases = pointer<scalar>(bias), *start = pointer<scalar>(before);
  scalar *xhats = pointer<scalar>(xhat), *inverses = pointer<scalar>(inverse), *end = pointer<scalar>(last);

  plan.for_each_share([&](int64_t, int64_t from, int64_t to) {
    const int64_t room = plan.room(from, to);
    const auto state = scratch<scalar>((to - from) * size), seen = scratch<scalar>(room * inputs),
               sums = scratch<scalar>(room * size);
    for (int64_t i = from; i < to; i++) copy_or_clear(plan.row(start, i, size), size, &state[(i - from) * size]);

    for (int64_t t = 0, until = 0; plan.rows(t, from, to) > 0;) {
      int64_t kept = 0;
      for (int64_t rows; (rows = plan.rows(until, from, to)) > 0 && kept + rows <= room; until++, kept += rows) {
        for (int64_t i = 0; i < rows; i++) std::copy_n(x_at.at(until, from + i), inputs, &seen[(kept + i) * inputs]);
      }
      multiply<scalar>({seen.get(), inputs}, input, sums.get(), size, kept, size, inputs);
      for (scalar* a = sums.get(); t < until; t++) {
        const int64_t rows = plan.rows(t, from, to);
        multiply<scalar>({state.get(), size}, recurrent, a, size, rows, size, size, true);
        for (int64_t i = 0; i < rows; i++, a += size) {
          scalar* h = &state[i * size];
          const int64_t place = plan.first[t] + from + i;
          if (!gains) {
            activate(a, biases, h, size);
          } else if (!save) {
            activate_normalised<scalar>(a, gains, biases, eps, nullptr, h, size);
          } else {
            inverses[place] = activate_normalised<scalar>(a, gains, biases, eps, xhats + place * size, h, size);
          }
          std::copy_n(h, size, state_at.at(t, from + i));
        }
      }
    }
    state_at.clear_padding(from, to);
    for (int64_t i = from; i < to; i++) std::copy_n(&state[(i - from) * size], size, plan.row(end, i, size));
  });
  return {states, last, xhat, inverse};
}

// The gradients of x, w_in, w, gain, bias and before.
template <typename scalar>
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> run_backward(
    const optional<Tensor>& d_states, const optional<Tensor>& d_last, const Tensor& states, const Tensor& xhat,
    const Tensor& inverse, const Tensor& x, const optional<Tensor>& lengths, const Tensor& w_in, const Tensor& w,
    const optional<Tensor>& gain, const optional<Tensor>& before, bool reverse, bool x_needs_it) {
  const Plan plan(x, lengths, reverse);
  const int64_t inputs = w_in.size(1), size = w.size(0), shares = plan.shares();
  Tensor d_x, d_before;
  if (x_needs_it) d_x = at::empty(x.sizes(), x.options());
  if (before) d_before = at::empty({x.size(0), size}, x.options());
  Parts<scalar> d_w_in({size, inputs}, w.options(), shares), d_w({size, size}, w.options(), shares);
  Parts<scalar> d_gain({gain ? size : 0}, w.options(), shares), d_bias({size}, w.options(), shares);

  const Steps<scalar> x_at(x, plan), state_at(states, plan), d_state_at(d_states, plan), d_x_at(d_x, plan);
  const Matrix<scalar> input{pointer<scalar>(w_in), inputs}, recurrent{pointer<scalar>(w), size};
  const scalar *gains = pointer<scalar>(gain), *xhats = pointer<scalar>(xhat), *inverses = pointer<scalar>(inverse);
  const scalar *start = pointer<scalar>(before), *d_end = pointer<scalar>(d_last);
  scalar* d_start = pointer<scalar>(d_before);

  plan.for_each_share([&](int64_t k, int64_t from, int64_t to) {
    scalar *d_gains = d_gain.of(k), *d_biases = d_bias.of(k), *d_ws = d_w.of(k), *d_w_ins = d_w_in.of(k);
    for (auto* part : {&d_gain, &d_bias}) std::fill_n(part->of(k), part->size, scalar(0));
    const int64_t room = plan.room(from, to);
    const auto d_next = scratch<scalar>((to - from) * size), d_sums = scratch<scalar>(room * size),
               came_from = scratch<scalar>(room * size), seen = scratch<scalar>(room * inputs);
    for (int64_t i = from; i < to; i++) copy_or_clear(plan.row(d_end, i, size), size, &d_next[(i - from) * size]);
    bool summed = false;  // the gradients of the weights hold something

    // from the last step on, until so many rows' gradients are at hand that the products over them are worth it
    for (int64_t t = plan.steps() - 1, begun = t, kept = 0; t >= 0; t--) {
      const int64_t rows = plan.rows(t, from, to);
      scalar* d_step = &d_sums[kept * size];
      for (int64_t i = 0; i < rows; i++, kept++) {
        const int64_t place = plan.first[t] + from + i;
        const scalar *d_output = d_state_at.at(t, from + i), *h = state_at.at(t, from + i);
        if (gains) {
          differentiate_normalised(d_output, &d_next[i * size], h, xhats + place * size, inverses[place], gains,
                                   d_step + i * size, d_gains, d_biases, size);
        } else {
          differentiate(d_output, &d_next[i * size], h, d_step + i * size, d_biases, size);
        }
        const scalar* came = t ? state_at.at(t - 1, from + i) : plan.row(start, from + i, size);
        copy_or_clear(came, size, &came_from[kept * size]);
      }
      if (rows > 0) multiply<scalar>({d_step, size}, recurrent, d_next.get(), size, rows, size, size);
      if (kept == 0 || (t > 0 && kept + plan.rows(t - 1, from, to) <= room)) continue;

      const auto for_each_row = [&](const auto& work) {
        scalar* row = seen.get();
        for (int64_t s = begun; s >= t; s--) {
          for (int64_t i = 0; i < plan.rows(s, from, to); i++, row += inputs) work(s, from + i, row);
        }
      };
      for_each_row([&](int64_t s, int64_t place, scalar* row) { std::copy_n(x_at.at(s, place), inputs, row); });
      const Matrix<scalar> d_turned{d_sums.get(), size, true};
      multiply<scalar>(d_turned, {came_from.get(), size}, d_ws, size, size, size, kept, summed);
      multiply<scalar>(d_turned, {seen.get(), inputs}, d_w_ins, inputs, size, inputs, kept, summed);
      summed = true;
      if (x_needs_it) {
        multiply<scalar>({d_sums.get(), size}, input, seen.get(), inputs, kept, inputs, size);
        for_each_row([&](int64_t s, int64_t place, scalar* row) { std::copy_n(row, inputs, d_x_at.at(s, place)); });
      }
      begun = t - 1, kept = 0;
    }
    if (!summed) std::fill_n(d_ws, size * size, scalar(0)), std::fill_n(d_w_ins, size * inputs, scalar(0));
    d_x_at.clear_padding(from, to);
    for (int64_t i = from; i < to && d_start; i++) {
      std::copy_n(&d_next[(i - from) * size], size, plan.row(d_start, i, size));
    }
  });
  return {d_x, d_w_in.sum(), d_w.sum(), gain ? d_gain.sum() : Tensor(), d_bias.sum(), d_before};
}

template <typename... Given>
auto forward_of(const Tensor& x, const Given&... given) {
  return x.scalar_type() == at::kDouble ? run_forward<double>(x, given...) : run_forward<float>(x, given...);
}

// Autograd around both, in C++: through Python it takes a short recurrence as long as a pass.
struct Elman : torch::autograd::Function<Elman> {
  using List = torch::autograd::variable_list;
  using Context = torch::autograd::AutogradContext;

  static List forward(Context* context, const Tensor& x, const optional<Tensor>& lengths, const Tensor& w_in,
                      const Tensor& w, const optional<Tensor>& gain, const Tensor& bias, const optional<Tensor>& before,
                      double eps, bool reverse) {
    const auto [states, last, xhat, inverse] = forward_of(x, lengths, w_in, w, gain, bias, before, eps, reverse, true);
    const auto or_none = [](const optional<Tensor>& tensor) { return tensor.value_or(Tensor()); };
    context->set_materialize_grads(false);
    context->saved_data["reverse"] = reverse;
    context->save_for_backward({states, xhat, inverse, x, or_none(lengths), w_in, w, or_none(gain), or_none(before)});
    return {states, last};
  }

  static List backward(Context* context, const List& upper) {
    if (at::GradMode::is_enabled()) {  // this is to be differentiated again; Python knows the error
      c10::Dispatcher::singleton().findSchemaOrThrow("seqvision::first_only", "").typed<void()>().call();
    }
    const List saved = context->get_saved_variables();
    const bool reverse = context->saved_data["reverse"].toBool();
    const auto given = [](const Tensor& tensor) { return tensor.defined() ? optional(tensor) : std::nullopt; };
    const auto run = saved[0].scalar_type() == at::kDouble ? run_backward<double> : run_backward<float>;
    const auto [d_x, d_w_in, d_w, d_gain, d_bias, d_before] =
        run(in_rows(upper[0]), upper[1].defined() ? upper[1].contiguous() : upper[1], saved[0], saved[1], saved[2],
            saved[3], given(saved[4]), saved[5], saved[6], given(saved[7]), given(saved[8]), reverse,
            context->needs_input_grad(0));
    return {d_x, Tensor(), d_w_in, d_w, d_gain, d_bias, d_before, Tensor(), Tensor()};
  }
};

std::tuple<Tensor, Tensor> elman(const Tensor& x_given, const optional<Tensor>& lengths, const Tensor& w_in_given,
                                 const Tensor& w_given, const optional<Tensor>& gain, const Tensor& bias,
                                 const optional<Tensor>& before_given, double eps, bool reverse) {
  const Tensor w_in = w_in_given.contiguous(), w = w_given.contiguous();
  const Tensor x = in_rows(x_given.to(w.scalar_type()));
  optional<Tensor> before;
  if (before_given) before = before_given->to(w.scalar_type()).contiguous();
  const bool learns = x.requires_grad() || w_in.requires_grad() || w.requires_grad() || bias.requires_grad() ||
                      (gain && gain->requires_grad()) || (before && before->requires_grad());
  if (learns && at::GradMode::is_enabled()) {
    const auto found = Elman::apply(x, lengths, w_in, w, gain, bias, before, eps, reverse);
    return {found[0], found[1]};
  }
  const auto [states, last, xhat, inverse] = forward_of(x, lengths, w_in, w, gain, bias, before, eps, reverse, false);
  return {states, last};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(seqvision, library) {
  library.def(
      "elman(Tensor x, Tensor? lengths, Tensor w_in, Tensor w, Tensor? gain, Tensor bias, Tensor? before, float eps, "
      "bool reverse) -> (Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(seqvision, CPU, library) { library.impl("elman", &elman); }
TORCH_LIBRARY_IMPL(seqvision, AutogradCPU, library) { library.impl("elman", &elman); }

}  // namespace seqvision
