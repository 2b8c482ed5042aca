// A recurrent layer of any cell over all steps of a batch, forward and backward, on the CPU, with autograd around it.
//
// Every thread takes its own sequences through all steps, so that threads meet once a pass and not twice a step, and
// what a step computes on the way (the input's share, the sums and their gradients) stays in the thread's cache: only
// the states, and what the cell needs on the way back, are written out. What need not wait for the step before (the
// input's share, the gradients of the weights and of the input) is a product over many steps at once. A thread's
// sequences are sorted by length, so that those still running at a step are the first so many rows, and nothing is
// computed for padding.
//
// A cell is a class over a kind of number that does one row of one step there (`step`) and back (`back`), and says
//   gates      how many times its size its sums are: W_x x and W_h h
//   apart      whether it wants W_h h beside W_x x, and not added to it
//   passes_on  whether a state reaches the next also past the sums
//   memory     where in what it keeps its memory c lies, beside the state h; -1 without one
//   gains, biases, kept, deviations   how many times its size its vectors are, and what it keeps of a row for the way
//              back: so many times its size, and so many numbers

#pragma once

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

#include "recurrence.h"

namespace seqvision {

// A row on the way there. `sums` holds W_x x, and W_h h too or that apart; h and c become the next; `kept` is null
// where there is no way back.
template <typename scalar>
struct There {
  scalar *sums, *apart, *h, *c, *kept, *inverse;
};

// A row on the way back. d_h and d_c come from the next step and become what goes to the one before past the sums; the
// gradients of the two shares of the sums are written, one where they were added, and those of the vectors added to.
template <typename scalar>
struct Back {
  const scalar *d_output, *h, *h_before, *c_before, *kept, *inverse;
  scalar *d_h, *d_c, *d_sums, *d_apart, *d_gain, *d_bias;
};

// The tensors of a layer, in rows that lie in one piece.
struct Given {
  Tensor x;
  optional<Tensor> lengths;
  Tensor w_in, w;
  optional<Tensor> gain;
  Tensor bias;
  optional<Tensor> before, memory;
};

struct Found {
  Tensor states, last, memory;  // of all steps, zeros in the padding; the last of every sequence
  Tensor kept, inverse;         // what the cell keeps, in the plan's order
};

struct Gradients {
  Tensor x, w_in, w, gain, bias, before, memory;
};

template <typename Cell>
Found run_forward(const Given& given, double eps, bool reverse, bool save) {
  using scalar = typename Cell::scalar;
  constexpr bool remembers = Cell::memory >= 0;
  const Plan plan(given.x, given.lengths, reverse);
  const int64_t inputs = given.w_in.size(1), size = given.w.size(1), wide = Cell::gates * size;
  const Cell cell(pointer<scalar>(given.gain), pointer<scalar>(given.bias), eps, size);
  const int64_t batch = given.x.size(0), keep = save ? cell.kept() * size : 0,
                deviations = save ? cell.deviations() : 0;
  const auto options = given.x.options();
  Found found;
  found.states = at::empty({batch, given.x.size(1), size}, options), found.last = at::empty({batch, size}, options);
  if (remembers) found.memory = at::empty({batch, size}, options);
  if (keep) found.kept = at::empty({plan.first.back(), keep}, options);
  if (deviations) found.inverse = at::empty({plan.first.back(), deviations}, options);

  const bool turn = plan.steps() < STEPS_TO_TRANSPOSE;
  const Tensor used_in = turn ? given.w_in : given.w_in.t().contiguous();
  const Tensor used = turn ? given.w : given.w.t().contiguous();
  const Matrix<scalar> input{pointer<scalar>(used_in), turn ? inputs : wide, turn};
  const Matrix<scalar> recurrent{pointer<scalar>(used), turn ? size : wide, turn};
  const Steps<scalar> x_at(given.x, plan), state_at(found.states, plan);
  const scalar *h_start = pointer<scalar>(given.before), *c_start = pointer<scalar>(given.memory);
  scalar *h_end = pointer<scalar>(found.last), *c_end = pointer<scalar>(found.memory);
  scalar *keeps = pointer<scalar>(found.kept), *inverses = pointer<scalar>(found.inverse);

  plan.for_each_share([&](int64_t, int64_t from, int64_t to) {
    const int64_t count = to - from, room = plan.room(from, to);
    const auto h = scratch<scalar>(count * size), c = scratch<scalar>(remembers ? count * size : 0),
               apart = scratch<scalar>(Cell::apart ? count * wide : 0), seen = scratch<scalar>(room * inputs),
               sums = scratch<scalar>(room * wide);
    for (int64_t i = 0; i < count; i++) {
      copy_or_clear(plan.row(h_start, from + i, size), size, &h[i * size]);
      if (remembers) copy_or_clear(plan.row(c_start, from + i, size), size, &c[i * size]);
    }
    for (int64_t t = 0, until = 0; plan.rows(t, from, to) > 0;) {
      int64_t gathered = 0;
      for (int64_t rows; (rows = plan.rows(until, from, to)) > 0 && gathered + rows <= room; until++) {
        for (int64_t i = 0; i < rows; i++) std::copy_n(x_at.at(until, from + i), inputs, &seen[gathered++ * inputs]);
      }
      multiply<scalar>({seen.get(), inputs}, input, sums.get(), wide, gathered, wide, inputs);
      for (scalar* row = sums.get(); t < until; t++) {
        const int64_t rows = plan.rows(t, from, to), place = plan.first[t] + from;
        scalar* product = Cell::apart ? apart.get() : row;
        multiply<scalar>({h.get(), size}, recurrent, product, wide, rows, wide, size, !Cell::apart);
        for (int64_t i = 0; i < rows; i++, row += wide) {
          cell.step({row, &apart[Cell::apart ? i * wide : 0], &h[i * size], &c[remembers ? i * size : 0],
                     keeps ? keeps + (place + i) * keep : nullptr, inverses + (place + i) * deviations});
          std::copy_n(&h[i * size], size, state_at.at(t, from + i));
        }
      }
    }
    state_at.clear_padding(from, to);
    for (int64_t i = 0; i < count; i++) {
      std::copy_n(&h[i * size], size, plan.row(h_end, from + i, size));
      if (remembers) std::copy_n(&c[i * size], size, plan.row(c_end, from + i, size));
    }
  });
  return found;
}

// The gradients from those of what was found.
template <typename Cell>
Gradients run_backward(const Found& d_found, const Found& found, const Given& given, double eps, bool reverse,
                       bool x_needs_it) {
  using scalar = typename Cell::scalar;
  constexpr bool remembers = Cell::memory >= 0;
  const Plan plan(given.x, given.lengths, reverse);
  const int64_t inputs = given.w_in.size(1), size = given.w.size(1), wide = Cell::gates * size, shares = plan.shares();
  const Cell cell(pointer<scalar>(given.gain), pointer<scalar>(given.bias), eps, size);
  const int64_t keep = cell.kept() * size, deviations = cell.deviations();
  const auto options = given.w.options();
  Tensor d_x, d_before, d_memory;
  if (x_needs_it) d_x = at::empty(given.x.sizes(), options);
  if (given.before) d_before = at::empty({given.x.size(0), size}, options);
  if (given.memory) d_memory = at::empty({given.x.size(0), size}, options);
  Parts<scalar> d_w_in({wide, inputs}, options, shares), d_w({wide, size}, options, shares);
  Parts<scalar> d_gain({cell.gains() * size}, options, shares), d_bias({Cell::biases * size}, options, shares);

  const Steps<scalar> x_at(given.x, plan), state_at(found.states, plan), d_state_at(d_found.states, plan);
  const Steps<scalar> d_x_at(d_x, plan);
  const Matrix<scalar> input{pointer<scalar>(given.w_in), inputs}, recurrent{pointer<scalar>(given.w), size};
  const scalar *keeps = pointer<scalar>(found.kept), *inverses = pointer<scalar>(found.inverse);
  const scalar *h_start = pointer<scalar>(given.before), *d_h_end = pointer<scalar>(d_found.last);
  const scalar *c_start = pointer<scalar>(given.memory), *d_c_end = pointer<scalar>(d_found.memory);
  scalar *d_h_start = pointer<scalar>(d_before), *d_c_start = pointer<scalar>(d_memory);

  plan.for_each_share([&](int64_t k, int64_t from, int64_t to) {
    scalar *d_ws = d_w.of(k), *d_w_ins = d_w_in.of(k), *d_gains = d_gain.of(k), *d_biases = d_bias.of(k);
    for (auto* part : {&d_gain, &d_bias}) std::fill_n(part->of(k), part->size, scalar(0));
    const int64_t count = to - from, room = plan.room(from, to);
    const auto d_h = scratch<scalar>(count * size), d_c = scratch<scalar>(remembers ? count * size : 0),
               d_sums = scratch<scalar>(room * wide), d_beside = scratch<scalar>(Cell::apart ? room * wide : 0),
               came_from = scratch<scalar>(room * size), seen = scratch<scalar>(room * inputs);
    scalar* const d_apart = Cell::apart ? d_beside.get() : d_sums.get();
    for (int64_t i = 0; i < count; i++) {
      copy_or_clear(plan.row(d_h_end, from + i, size), size, &d_h[i * size]);
      if (remembers) copy_or_clear(plan.row(d_c_end, from + i, size), size, &d_c[i * size]);
    }
    bool summed = false;  // the gradients of the weights hold something

    // from the last step on, until so many rows' gradients are at hand that the products over them are worth it
    for (int64_t t = plan.steps() - 1, begun = t, gathered = 0; t >= 0; t--) {
      const int64_t rows = plan.rows(t, from, to), place = plan.first[t] + from, first = gathered;
      for (int64_t i = 0; i < rows; i++, gathered++) {
        scalar* came = &came_from[gathered * size];
        copy_or_clear(t ? state_at.at(t - 1, from + i) : plan.row(h_start, from + i, size), size, came);
        const scalar* c_before = nullptr;
        if (remembers) {
          c_before = t ? keeps + (plan.first[t - 1] + from + i) * keep + Cell::memory * size
                       : plan.row(c_start, from + i, size);
        }
        cell.back({d_state_at.at(t, from + i), state_at.at(t, from + i), came, c_before, keeps + (place + i) * keep,
                   inverses + (place + i) * deviations, &d_h[i * size], &d_c[remembers ? i * size : 0],
                   &d_sums[gathered * wide], d_apart + gathered * wide, d_gains, d_biases});
      }
      if (rows > 0) {
        multiply<scalar>({d_apart + first * wide, wide}, recurrent, d_h.get(), size, rows, size, wide, Cell::passes_on);
      }
      if (gathered == 0 || (t > 0 && gathered + plan.rows(t - 1, from, to) <= room)) continue;

      const auto for_each_row = [&](const auto& work) {
        scalar* row = seen.get();
        for (int64_t s = begun; s >= t; s--) {
          for (int64_t i = 0; i < plan.rows(s, from, to); i++, row += inputs) work(s, from + i, row);
        }
      };
      for_each_row([&](int64_t s, int64_t place, scalar* row) { std::copy_n(x_at.at(s, place), inputs, row); });
      multiply<scalar>({d_apart, wide, true}, {came_from.get(), size}, d_ws, size, wide, size, gathered, summed);
      multiply<scalar>({d_sums.get(), wide, true}, {seen.get(), inputs}, d_w_ins, inputs, wide, inputs, gathered,
                       summed);
      summed = true;
      if (x_needs_it) {
        multiply<scalar>({d_sums.get(), wide}, input, seen.get(), inputs, gathered, inputs, wide);
        for_each_row([&](int64_t s, int64_t place, scalar* row) { std::copy_n(row, inputs, d_x_at.at(s, place)); });
      }
      begun = t - 1, gathered = 0;
    }
    if (!summed) std::fill_n(d_ws, wide * size, scalar(0)), std::fill_n(d_w_ins, wide * inputs, scalar(0));
    d_x_at.clear_padding(from, to);
    for (int64_t i = 0; i < count; i++) {
      if (d_h_start) std::copy_n(&d_h[i * size], size, plan.row(d_h_start, from + i, size));
      if (remembers && d_c_start) std::copy_n(&d_c[i * size], size, plan.row(d_c_start, from + i, size));
    }
  });
  return {d_x, d_w_in.sum(), d_w.sum(), given.gain ? d_gain.sum() : Tensor(), d_bias.sum(), d_before, d_memory};
}

// x, or a copy, with rows that lie in one piece.
inline Tensor in_rows(const Tensor& x) { return !x.defined() || x.stride(-1) == 1 ? x : x.contiguous(); }
inline Tensor in_one_piece(const Tensor& x) { return x.defined() ? x.contiguous() : x; }

template <template <typename> typename Cell>
Found forward_of(const Given& given, double eps, bool reverse, bool save) {
  const bool twice = given.w.scalar_type() == at::kDouble;
  return (twice ? run_forward<Cell<double>> : run_forward<Cell<float>>)(given, eps, reverse, save);
}

// Autograd around both, in C++: through Python it takes a short recurrence as long as a pass.
template <template <typename> typename Cell>
struct Differentiable : torch::autograd::Function<Differentiable<Cell>> {
  using List = torch::autograd::variable_list;
  using Context = torch::autograd::AutogradContext;

  static List forward(Context* context, const Tensor& x, const optional<Tensor>& lengths, const Tensor& w_in,
                      const Tensor& w, const optional<Tensor>& gain, const Tensor& bias, const optional<Tensor>& before,
                      const optional<Tensor>& memory, double eps, bool reverse) {
    const Found found = forward_of<Cell>({x, lengths, w_in, w, gain, bias, before, memory}, eps, reverse, true);
    const auto or_none = [](const optional<Tensor>& tensor) { return tensor.value_or(Tensor()); };
    context->set_materialize_grads(false);
    context->saved_data["eps"] = eps;
    context->saved_data["reverse"] = reverse;
    context->save_for_backward({found.states, found.kept, found.inverse, x, or_none(lengths), w_in, w, or_none(gain),
                                bias, or_none(before), or_none(memory)});
    return found.memory.defined() ? List{found.states, found.last, found.memory} : List{found.states, found.last};
  }

  static List backward(Context* context, const List& upper) {
    if (at::GradMode::is_enabled()) {  // this is to be differentiated again; Python knows the error
      c10::Dispatcher::singleton().findSchemaOrThrow("seqvision::first_only", "").typed<void()>().call();
    }
    const List saved = context->get_saved_variables();
    const auto some = [](const Tensor& tensor) { return tensor.defined() ? optional(tensor) : std::nullopt; };
    const Given given{saved[3],       some(saved[4]), saved[5],       saved[6],
                      some(saved[7]), saved[8],       some(saved[9]), some(saved[10])};
    const Found found{saved[0], Tensor(), Tensor(), saved[1], saved[2]};
    const Found d_found{in_rows(upper[0]), in_one_piece(upper[1]),
                        upper.size() > 2 ? in_one_piece(upper[2]) : Tensor(), Tensor(), Tensor()};
    const bool twice = given.w.scalar_type() == at::kDouble;
    const Gradients d = (twice ? run_backward<Cell<double>> : run_backward<Cell<float>>)(
        d_found, found, given, context->saved_data["eps"].toDouble(), context->saved_data["reverse"].toBool(),
        context->needs_input_grad(0));
    return {d.x, Tensor(), d.w_in, d.w, d.gain, d.bias, d.before, d.memory, Tensor(), Tensor()};
  }
};

// Refuses what a layer cannot index: every size that a pointer is computed from is checked here, before any is.
template <typename Cell>
void check(const Given& given) {
  const auto type = given.w.scalar_type();
  const int64_t size = given.w.size(1), wide = Cell::gates * size, inputs = given.w_in.size(1);
  const int64_t batch = given.x.size(0), time = given.x.size(1);
  TORCH_CHECK(size > 0, "w has no columns; expected one for each hidden unit");
  expect_contiguous(given.w, "w", {wide, size}, type);
  expect_contiguous(given.w_in, "w_in", {wide, inputs}, type);
  expect_rows(given.x, "x", {batch, time, inputs}, type);
  const Cell cell(pointer<typename Cell::scalar>(given.gain), nullptr, 0, size);
  expect_contiguous(given.gain, "gain", {cell.gains() * size}, type);
  expect_contiguous(given.bias, "bias", {Cell::biases * size}, type);
  expect_contiguous(given.before, "before", {batch, size}, type);
  expect_contiguous(given.memory, "memory", {batch, size}, type);
  expect_counts(given.lengths, "lengths", batch, time);
}

// A state in the weights' precision, a copy for each sequence where one is given for all, as the reference loop takes it.
inline optional<Tensor> state_of(const optional<Tensor>& state, const char* name, const Tensor& x, const Tensor& w) {
  if (!state) return std::nullopt;
  const int64_t batch = x.size(0), size = w.size(1), given = state->dim() == 2 ? state->size(0) : 1;
  TORCH_CHECK((state->dim() == 1 || state->dim() == 2) && state->size(-1) == size && (given == batch || given == 1),
              name, " has the shape ", state->sizes(), "; expected (batch, hidden) = (", batch, ", ", size, ")");
  return state->to(w.scalar_type()).expand({batch, size}).contiguous();
}

// The states, the last one and the last memory (undefined for a cell without), in the weights' precision.
template <template <typename> typename Cell>
Found layer(const Tensor& x_given, const optional<Tensor>& lengths, const Tensor& w_in_given, const Tensor& w_given,
            const optional<Tensor>& gain_given, const Tensor& bias_given, const optional<Tensor>& before_given,
            const optional<Tensor>& memory_given, double eps, bool reverse) {
  const auto type = w_given.scalar_type();
  TORCH_CHECK(type == at::kFloat || type == at::kDouble, "w is of type ", type, "; expected Float or Double");
  TORCH_CHECK(x_given.dim() == 3, "x has the shape ", x_given.sizes(), "; expected (batch, time, input)");
  TORCH_CHECK(w_given.dim() == 2 && w_in_given.dim() == 2, "w and w_in have the shapes ", w_given.sizes(), " and ",
              w_in_given.sizes(), "; expected matrices");
  const Tensor w_in = w_in_given.contiguous(), w = w_given.contiguous(), bias = bias_given.contiguous();
  const Tensor x = in_rows(x_given.to(type));
  const optional<Tensor> gain = gain_given ? optional(gain_given->contiguous()) : std::nullopt;
  const optional<Tensor> before = state_of(before_given, "before", x, w);
  const optional<Tensor> memory = state_of(memory_given, "memory", x, w);
  check<Cell<float>>({x, lengths, w_in, w, gain, bias, before, memory});
  const auto learns = [](const optional<Tensor>& tensor) { return tensor && tensor->requires_grad(); };
  if (at::GradMode::is_enabled() && (learns(x) || learns(w_in) || learns(w) || learns(gain) || learns(bias) ||
                                     learns(before) || learns(memory))) {
    const auto found = Differentiable<Cell>::apply(x, lengths, w_in, w, gain, bias, before, memory, eps, reverse);
    return {found[0], found[1], found.size() > 2 ? found[2] : Tensor(), Tensor(), Tensor()};
  }
  return forward_of<Cell>({x, lengths, w_in, w, gain, bias, before, memory}, eps, reverse, false);
}

}  // namespace seqvision
