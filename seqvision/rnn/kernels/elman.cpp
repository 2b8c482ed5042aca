// The Elman recurrence, plain or layer-normalised, over all steps of a batch, forward and backward, on the CPU.
//
// Every thread takes its own sequences through all steps, so that threads meet once a pass and not twice a step, and
// what a step computes on the way (the input's share, the sums and their gradients) stays in the thread's cache: only
// states and normalised sums are written out. What need not wait for the step before (the input's share, the gradients
// of the weights and of the input) is a product over many steps at once. A thread's sequences are sorted by length, so
// that those still running at a step are the first so many rows, and nothing is computed for padding.

#include <torch/library.h>

#include "recurrence.h"

namespace seqvision {
namespace {

// The states of all steps, zeros in the padding, and the last of every sequence; where `save` is set and there is a
// gain, also xhat and 1 / deviation in the plan's order.
template <typename scalar>
std::tuple<Tensor, Tensor, Tensor, Tensor> run_forward(const Tensor& x, const optional<Tensor>& lengths,
                                                       const Tensor& w_in, const Tensor& w,
                                                       const optional<Tensor>& gain, const Tensor& bias,
                                                       const Tensor& before, double eps, bool reverse, bool save) {
  const Plan plan(x, lengths, reverse);
  const int64_t inputs = w_in.size(1), size = w.size(0), saved = save && gain ? plan.first.back() : 0;
  Tensor states = at::empty({x.size(0), x.size(1), size}, x.options()), last = at::empty_like(before);
  Tensor xhat = at::empty({saved, size}, x.options()), inverse = at::empty({saved}, x.options());

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
    for (int64_t i = from; i < to; i++) std::copy_n(start + plan.order[i] * size, size, &state[(i - from) * size]);

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
    for (int64_t i = from; i < to; i++) std::copy_n(&state[(i - from) * size], size, end + plan.order[i] * size);
  });
  return {states, last, xhat, inverse};
}

// The gradients of x, w_in, w, gain, bias and before.
template <typename scalar>
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> run_backward(
    const optional<Tensor>& d_states, const optional<Tensor>& d_last, const Tensor& states, const Tensor& xhat,
    const Tensor& inverse, const Tensor& x, const optional<Tensor>& lengths, const Tensor& w_in, const Tensor& w,
    const optional<Tensor>& gain, const Tensor& before, bool reverse, bool x_needs_it) {
  const Plan plan(x, lengths, reverse);
  const int64_t inputs = w_in.size(1), size = w.size(0), shares = plan.shares();
  optional<Tensor> d_x;
  if (x_needs_it) d_x = at::empty(x.sizes(), x.options());
  Tensor d_before = at::empty_like(before);
  // one a share, so that no two write to one place, and sums have the same order every time
  Tensor d_w_in = at::empty({shares, size, inputs}, w.options()), d_w = at::empty({shares, size, size}, w.options());
  Tensor d_gain = at::zeros({shares, size}, w.options()), d_bias = at::zeros({shares, size}, w.options());

  const Steps<scalar> x_at(x, plan), state_at(states, plan), d_state_at(d_states, plan), d_x_at(d_x, plan);
  const Matrix<scalar> input{pointer<scalar>(w_in), inputs}, recurrent{pointer<scalar>(w), size};
  const scalar *gains = pointer<scalar>(gain), *xhats = pointer<scalar>(xhat), *inverses = pointer<scalar>(inverse);
  const scalar *start = pointer<scalar>(before), *d_end = pointer<scalar>(d_last);

  plan.for_each_share([&](int64_t k, int64_t from, int64_t to) {
    scalar *d_gains = pointer<scalar>(d_gain) + k * size, *d_biases = pointer<scalar>(d_bias) + k * size;
    scalar *d_ws = pointer<scalar>(d_w) + k * size * size, *d_w_ins = pointer<scalar>(d_w_in) + k * size * inputs;
    const int64_t room = plan.room(from, to);
    const auto d_next = scratch<scalar>((to - from) * size), d_sums = scratch<scalar>(room * size),
               came_from = scratch<scalar>(room * size), seen = scratch<scalar>(room * inputs);
    if (!d_end) std::fill_n(d_next.get(), (to - from) * size, scalar(0));
    for (int64_t i = from; i < to && d_end; i++) {
      std::copy_n(d_end + plan.order[i] * size, size, &d_next[(i - from) * size]);
    }
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
        std::copy_n(t ? state_at.at(t - 1, from + i) : start + plan.order[from + i] * size, size,
                    &came_from[kept * size]);
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
    scalar* d_start = pointer<scalar>(d_before);
    for (int64_t i = from; i < to; i++) std::copy_n(&d_next[(i - from) * size], size, d_start + plan.order[i] * size);
  });
  return {d_x.value_or(Tensor()), sum(d_w_in), sum(d_w), sum(d_gain), sum(d_bias), d_before};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> elman_forward(const Tensor& x, const optional<Tensor>& lengths,
                                                         const Tensor& w_in, const Tensor& w,
                                                         const optional<Tensor>& gain, const Tensor& bias,
                                                         const Tensor& before, double eps, bool reverse, bool save) {
  const auto run = x.scalar_type() == at::kDouble ? run_forward<double> : run_forward<float>;
  return run(x, lengths, w_in, w, gain, bias, before, eps, reverse, save);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> elman_backward(
    const optional<Tensor>& d_states, const optional<Tensor>& d_last, const Tensor& states, const Tensor& xhat,
    const Tensor& inverse, const Tensor& x, const optional<Tensor>& lengths, const Tensor& w_in, const Tensor& w,
    const optional<Tensor>& gain, const Tensor& before, bool reverse, bool x_needs_it) {
  const auto run = x.scalar_type() == at::kDouble ? run_backward<double> : run_backward<float>;
  return run(d_states, d_last, states, xhat, inverse, x, lengths, w_in, w, gain, before, reverse, x_needs_it);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(seqvision, library) {
  library.def(
      "elman_forward(Tensor x, Tensor? lengths, Tensor w_in, Tensor w, Tensor? gain, Tensor bias, Tensor before, "
      "float eps, bool reverse, bool save) -> (Tensor, Tensor, Tensor, Tensor)");
  library.def(
      "elman_backward(Tensor? d_states, Tensor? d_last, Tensor states, Tensor xhat, Tensor inverse, Tensor x, "
      "Tensor? lengths, Tensor w_in, Tensor w, Tensor? gain, Tensor before, bool reverse, bool x_needs_it) -> (Tensor, "
      "Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(seqvision, CPU, library) {
  library.impl("elman_forward", &elman_forward);
  library.impl("elman_backward", &elman_backward);
}

}  // namespace seqvision
