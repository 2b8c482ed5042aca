// The Elman recurrence, plain or layer-normalised, over all steps of a batch, forward and backward, on the CPU.
//
// Every thread takes its own sequences through all steps, so that threads meet once a pass and not twice a step, and
// what a step computes on the way (the input's share, the sums and their gradients) stays in the thread's cache: only
// states and normalised sums are written out. What need not wait for the step before (the input's share, the gradients
// of the weights and of the input) is a product over many steps at once. A thread's sequences are sorted by length, so
// that those still running at a step are the first so many rows, and nothing is computed for padding.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <tuple>
#include <vector>

// BLAS, as torch brings it along; column-major
extern "C" {
void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*,
            const float*, const int*, const float*, float*, const int*);
void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*, const int*,
            const double*, const int*, const double*, double*, const int*);
}

namespace {

using at::Tensor;
using std::optional;

constexpr int64_t ROWS_A_THREAD = 4;    // fewer sequences are not worth another thread
constexpr int64_t ROWS_A_PRODUCT = 256;     // steps are gathered up to so many rows for what need not wait for a step
constexpr int64_t STEPS_TO_TRANSPOSE = 32;  // from here on a product with the transpose written out pays for writing it

// tanh without a branch, so that it vectorises, good to 1.6 units in the last place: an odd polynomial near zero (its
// coefficients fitted for the least relative error up to 0.55), 1 - 2 / (exp(2|x|) + 1) beyond, where little cancels.
inline float tanh_of(float x) {
  const float u = x * x;
  const float tail_near = -0.05385231f + u * (0.02107168f + u * -0.00627424f);
  const float near = x + x * u * (-0.33333318f + u * (0.13332586f + u * tail_near));
  // exp(y) = 2^n exp(r) with y = n ln 2 + r; tanh is 1 to the last place from 9.02 on
  const float y = 2.0f * std::min(std::abs(x), 10.0f);
  const float n = std::rint(y * 1.44269504f);
  const float r = (y - n * 0.693145752f) - n * 1.42860677e-6f;  // ln 2 in two parts, the first exact times n
  const float tail = 1 / 2.0f + r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r * (1 / 720.0f))));
  const float power = std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
  const float far = std::copysign(1.0f - 2.0f / (power * (1.0f + r + r * r * tail) + 1.0f), x);
  return std::abs(x) < 0.55f ? near : far;
}

inline double tanh_of(double x) { return std::tanh(x); }

// A matrix in memory: its first element and the distance between its rows; `turned` stands for the transpose.
template <typename scalar>
struct Matrix {
  const scalar* data;
  int64_t row;
  bool turned = false;
};

// c (m x n) = a (m x k) b (k x n), or added to what c holds.
template <typename scalar>
void multiply(Matrix<scalar> a, Matrix<scalar> b, scalar* c, int64_t row, int64_t m, int64_t n, int64_t k,
              bool add = false) {
  const int rows = m, columns = n, inner = k, a_row = a.row, b_row = b.row, c_row = row;
  const scalar one = 1, kept = add ? 1 : 0;
  const char *a_turned = a.turned ? "T" : "N", *b_turned = b.turned ? "T" : "N";
  if constexpr (std::is_same_v<scalar, float>) {
    sgemm_(b_turned, a_turned, &columns, &rows, &inner, &one, b.data, &b_row, a.data, &a_row, &kept, c, &c_row);
  } else {
    dgemm_(b_turned, a_turned, &columns, &rows, &inner, &one, b.data, &b_row, a.data, &a_row, &kept, c, &c_row);
  }
}

// One row of sums a: h = tanh(a + bias), or h = tanh(gain xhat + bias) with xhat = (a - mean) / deviation, whose
// inverse is returned. xhat may be null.
template <typename scalar>
void activate(const scalar* a, const scalar* bias, scalar* h, int64_t size) {
#pragma omp simd
  for (int64_t j = 0; j < size; j++) h[j] = tanh_of(a[j] + bias[j]);
}

template <typename scalar>
scalar activate_normalised(const scalar* a, const scalar* gain, const scalar* bias, scalar eps, scalar* xhat, scalar* h,
                           int64_t size) {
  scalar sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < size; j++) sum += a[j];
  const scalar mean = sum / size;
#pragma omp simd reduction(+ : squares)
  for (int64_t j = 0; j < size; j++) squares += (a[j] - mean) * (a[j] - mean);
  const scalar inverse = 1 / std::sqrt(squares / size + eps);
#pragma omp simd
  for (int64_t j = 0; j < size; j++) {
    const scalar x = (a[j] - mean) * inverse;
    if (xhat) xhat[j] = x;
    h[j] = tanh_of(gain[j] * x + bias[j]);
  }
  return inverse;
}

// The gradient of one row's sums from that of its state: what the outputs bring (if any) and what the next step brings.
// Adds the row's share to the gradients of gain and bias.
template <typename scalar>
void differentiate(const scalar* d_output, const scalar* d_next, const scalar* h, scalar* d_a, scalar* d_bias,
                   int64_t size) {
#pragma omp simd
  for (int64_t j = 0; j < size; j++) {
    const scalar d = (d_next[j] + (d_output ? d_output[j] : 0)) * (1 - h[j] * h[j]);
    d_bias[j] += d;
    d_a[j] = d;
  }
}

template <typename scalar>
void differentiate_normalised(const scalar* d_output, const scalar* d_next, const scalar* h, const scalar* xhat,
                              scalar inverse, const scalar* gain, scalar* d_a, scalar* d_gain, scalar* d_bias,
                              int64_t size) {
  scalar sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
  for (int64_t j = 0; j < size; j++) {
    const scalar d = (d_next[j] + (d_output ? d_output[j] : 0)) * (1 - h[j] * h[j]);
    d_bias[j] += d;
    d_gain[j] += d * xhat[j];
    d_a[j] = d * gain[j];
    sum += d_a[j];
    along += d_a[j] * xhat[j];
  }
  const scalar mean = sum / size, slope = along / size;
#pragma omp simd
  for (int64_t j = 0; j < size; j++) d_a[j] = (d_a[j] - mean - xhat[j] * slope) * inverse;
}

// Which sequences each thread takes, as many steps as every other, and where their steps lie.
struct Plan {
  std::vector<int64_t> order;    // the sequences, longest first
  std::vector<int64_t> lengths;  // theirs, in that order
  std::vector<int64_t> sizes;    // how many of them have a step t
  std::vector<int64_t> first;    // how many steps of all sequences come before step t
  std::vector<int64_t> bounds;   // thread k takes the places bounds[k] to bounds[k + 1] of the order
  int64_t time;
  bool reverse;

  Plan(const Tensor& x, const optional<Tensor>& given, bool reverse) : time(x.size(1)), reverse(reverse) {
    const int64_t batch = x.size(0);
    const auto length = [&](int64_t b) { return given ? given->const_data_ptr<int64_t>()[b] : time; };
    order.resize(batch);
    std::iota(order.begin(), order.end(), 0);
    if (given) std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return length(a) > length(b); });
    for (const auto b : order) lengths.push_back(length(b));
    first.push_back(0);
    for (int64_t t = 0, running = batch; batch && t < lengths[0]; t++) {
      while (lengths[running - 1] <= t) running--;
      sizes.push_back(running);
      first.push_back(first.back() + running);
    }
    const int64_t threads = std::clamp<int64_t>(batch / ROWS_A_THREAD, 1, at::get_num_threads());
    bounds.push_back(0);
    for (int64_t place = 0, done = 0; place < batch; place++) {
      done += lengths[place];
      const int64_t share = bounds.size();
      if (share < threads && done * threads >= first.back() * share) bounds.push_back(place + 1);
    }
    bounds.push_back(batch);
  }

  int64_t steps() const { return sizes.size(); }
  int64_t threads() const { return bounds.size() - 1; }

  // how many of the places from `from` to `to` have a step t
  int64_t rows(int64_t t, int64_t from, int64_t to) const {
    return t < 0 || t >= steps() ? 0 : std::clamp<int64_t>(sizes[t] - from, 0, to - from);
  }

  // how many of the rows of these places to gather for one product
  int64_t room(int64_t from, int64_t to) const {
    const int64_t all = std::accumulate(lengths.begin() + from, lengths.begin() + to, int64_t{0});
    return std::max(to - from, std::min(all, ROWS_A_PRODUCT));
  }

  template <typename F>
  void for_each_thread(const F& work) const {
    at::parallel_for(0, threads(), 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; k++) work(k, bounds[k], bounds[k + 1]);
    });
  }
};

// A padded batch (batch, time, size) as the plan walks through it: step t of the sequence at a place of the order.
template <typename scalar>
struct Steps {
  scalar* data = nullptr;
  int64_t sequence = 0, step = 0, size = 0;
  const Plan& plan;

  Steps(const optional<Tensor>& batch, const Plan& plan) : plan(plan) {
    if (!batch) return;
    data = static_cast<scalar*>(batch->data_ptr());
    sequence = batch->stride(0), step = batch->stride(1), size = batch->size(2);
  }

  scalar* at(int64_t t, int64_t place) const {
    if (!data) return nullptr;
    return data + plan.order[place] * sequence + (plan.reverse ? plan.lengths[place] - 1 - t : t) * step;
  }

  void clear_padding(int64_t from, int64_t to) const {
    for (int64_t place = from; place < to && data; place++) {
      scalar* row = data + plan.order[place] * sequence;
      for (int64_t t = plan.lengths[place]; t < plan.time; t++) std::fill_n(row + t * step, size, scalar(0));
    }
  }
};

template <typename scalar>
std::unique_ptr<scalar[]> scratch(int64_t size) {
  return std::make_unique_for_overwrite<scalar[]>(size);
}

template <typename scalar>
scalar* pointer(const optional<Tensor>& tensor) {
  return tensor && tensor->defined() ? static_cast<scalar*>(tensor->data_ptr()) : nullptr;
}

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

  plan.for_each_thread([&](int64_t, int64_t from, int64_t to) {
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
  const int64_t inputs = w_in.size(1), size = w.size(0), threads = plan.threads();
  optional<Tensor> d_x;
  if (x_needs_it) d_x = at::empty(x.sizes(), x.options());
  Tensor d_before = at::empty_like(before);
  // one a thread, so that no two write to one place, and sums have the same order every time
  Tensor d_w_in = at::empty({threads, size, inputs}, w.options()), d_w = at::empty({threads, size, size}, w.options());
  Tensor d_gain = at::zeros({threads, size}, w.options()), d_bias = at::zeros({threads, size}, w.options());

  const Steps<scalar> x_at(x, plan), state_at(states, plan), d_state_at(d_states, plan), d_x_at(d_x, plan);
  const Matrix<scalar> input{pointer<scalar>(w_in), inputs}, recurrent{pointer<scalar>(w), size};
  const scalar *gains = pointer<scalar>(gain), *xhats = pointer<scalar>(xhat), *inverses = pointer<scalar>(inverse);
  const scalar *start = pointer<scalar>(before), *d_end = pointer<scalar>(d_last);

  plan.for_each_thread([&](int64_t k, int64_t from, int64_t to) {
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
  const auto total = [](const Tensor& parts) {
    Tensor sum = parts[0];
    for (int64_t k = 1; k < parts.size(0); k++) sum.add_(parts[k]);
    return sum;
  };
  return {d_x.value_or(Tensor()), total(d_w_in), total(d_w), total(d_gain), total(d_bias), d_before};
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

TORCH_LIBRARY(seqvision, library) {
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
