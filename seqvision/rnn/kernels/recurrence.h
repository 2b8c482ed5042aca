// What the recurrences on the CPU share: the products, the two cells' arithmetic of a row, and the plan by which
// sequences are shared out among threads and walked through without their padding.

#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

// BLAS, as torch brings it along; column-major
extern "C" {
void sgemm_(const char*, const char*, const int*, const int*, const int*, const float*, const float*, const int*,
            const float*, const int*, const float*, float*, const int*);
void dgemm_(const char*, const char*, const int*, const int*, const int*, const double*, const double*, const int*,
            const double*, const int*, const double*, double*, const int*);
}

namespace seqvision {

using at::Tensor;
using std::optional;

constexpr int64_t ROWS_A_THREAD = 4;    // fewer sequences are not worth another thread
constexpr int64_t NUMBERS_A_THREAD = 1 << 14;  // nor are fewer numbers to add up
constexpr int64_t ROWS_A_PRODUCT = 256;     // steps are gathered up to so many rows for what need not wait for a step
constexpr int64_t STEPS_TO_TRANSPOSE = 32;  // from here on a product with the transpose written out pays for writing it

// exp without a branch, so that it vectorises, for arguments from -87 to 87: 2^n exp(r) with x = n ln 2 + r.
inline float exp_of(float x) {
  const float n = std::rint(x * 1.44269504f);
  const float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;  // ln 2 in two parts, the first exact times n
  const float tail = 1 / 2.0f + r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r * (1 / 720.0f))));
  return std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23) * (1.0f + r + r * r * tail);
}

// tanh good to 1.6 units in the last place: an odd polynomial near zero (its coefficients fitted for the least relative
// error up to 0.55), 1 - 2 / (exp(2|x|) + 1) beyond, where little cancels.
inline float tanh_of(float x) {
  const float u = x * x;
  const float tail_near = -0.05385231f + u * (0.02107168f + u * -0.00627424f);
  const float near = x + x * u * (-0.33333318f + u * (0.13332586f + u * tail_near));
  const float power = exp_of(2.0f * std::min(std::abs(x), 10.0f));  // tanh is 1 to the last place from 9.02 on
  const float far = std::copysign(1.0f - 2.0f / (power + 1.0f), x);
  return std::abs(x) < 0.55f ? near : far;
}

inline float sigmoid_of(float x) { return 1.0f / (1.0f + exp_of(std::clamp(-x, -87.0f, 87.0f))); }

inline double tanh_of(double x) { return std::tanh(x); }
inline double sigmoid_of(double x) { return 1.0 / (1.0 + std::exp(-x)); }

// Refuses a tensor of another device, data type or shape than the one that pointers into it are computed for.
inline void expect(const Tensor& tensor, const char* name, at::IntArrayRef shape, at::ScalarType type) {
  TORCH_CHECK(tensor.device().is_cpu(), name, " is on ", tensor.device(), "; expected the CPU");
  TORCH_CHECK(tensor.scalar_type() == type, name, " is of type ", tensor.scalar_type(), "; expected ", type);
  TORCH_CHECK(tensor.sizes() == shape, name, " has the shape ", tensor.sizes(), "; expected ", shape);
}

// The same, of one that must be contiguous as well.
inline void expect_contiguous(const optional<Tensor>& tensor, const char* name, at::IntArrayRef shape,
                              at::ScalarType type) {
  if (!tensor || !tensor->defined()) return;
  expect(*tensor, name, shape, type);
  TORCH_CHECK(tensor->is_contiguous(), name, " is not contiguous");
}

// The same, of one whose rows, along the last dimension, must be contiguous.
inline void expect_rows(const optional<Tensor>& tensor, const char* name, at::IntArrayRef shape, at::ScalarType type) {
  if (!tensor || !tensor->defined()) return;
  expect(*tensor, name, shape, type);
  TORCH_CHECK(tensor->stride(-1) == 1 || tensor->size(-1) <= 1, name, " has rows that are not contiguous");
}

// Refuses counts, one a sequence, that are not between 0 and `most`.
inline void expect_counts(const optional<Tensor>& counts, const char* name, int64_t batch, int64_t most) {
  if (!counts || !counts->defined()) return;
  expect_contiguous(counts, name, {batch}, at::kLong);
  const int64_t* count = counts->const_data_ptr<int64_t>();
  for (int64_t b = 0; b < batch; b++) {
    TORCH_CHECK(0 <= count[b] && count[b] <= most, name, " has ", count[b], " at ", b, "; expected 0 to ", most);
  }
}

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
  // BLAS wants at least 1 as the distance between rows, also where there is nothing to multiply
  const auto distance = [](int64_t row) { return static_cast<int>(std::max<int64_t>(row, 1)); };
  const int rows = m, columns = n, inner = k, a_row = distance(a.row), b_row = distance(b.row), c_row = distance(row);
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

// The mean of a row, and 1 / deviation.
template <typename scalar>
std::pair<scalar, scalar> moments(const scalar* a, scalar eps, int64_t size) {
  scalar sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < size; j++) sum += a[j];
  const scalar mean = sum / size;
#pragma omp simd reduction(+ : squares)
  for (int64_t j = 0; j < size; j++) squares += (a[j] - mean) * (a[j] - mean);
  return {mean, 1 / std::sqrt(squares / size + eps)};
}

template <typename scalar>
scalar activate_normalised(const scalar* a, const scalar* gain, const scalar* bias, scalar eps, scalar* xhat, scalar* h,
                           int64_t size) {
  const auto pair = moments(a, eps, size);
  const scalar mean = pair.first, inverse = pair.second;
#pragma omp simd
  for (int64_t j = 0; j < size; j++) {
    const scalar x = (a[j] - mean) * inverse;
    if (xhat) xhat[j] = x;
    h[j] = tanh_of(gain[j] * x + bias[j]);
  }
  return inverse;
}

// The gradient d of a normalised row becomes that of the row; `sum` is that of d, `along` that of d xhat.
template <typename scalar>
void through_normalisation(scalar* d, const scalar* xhat, scalar inverse, scalar sum, scalar along, int64_t size) {
  const scalar mean = sum / size, slope = along / size;
#pragma omp simd
  for (int64_t j = 0; j < size; j++) d[j] = (d[j] - mean - xhat[j] * slope) * inverse;
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
  through_normalisation(d_a, xhat, inverse, sum, along, size);
}

// Which sequences make up a share, as many steps as every other's, and where their steps lie.
struct Plan {
  std::vector<int64_t> order;    // the sequences, longest first
  std::vector<int64_t> lengths;  // theirs, in that order
  std::vector<int64_t> sizes;    // how many of them have a step t
  std::vector<int64_t> first;    // how many steps of all sequences come before step t
  std::vector<int64_t> bounds;   // share k has the places bounds[k] to bounds[k + 1] of the order
  int64_t time;
  bool reverse;

  // `most` is how many sequences a share may have at most
  Plan(const Tensor& x, const optional<Tensor>& given, bool reverse, int64_t most = INT64_MAX)
      : time(x.size(1)), reverse(reverse) {
    const int64_t batch = x.size(0);
    const auto length = [&](int64_t b) { return given ? given->const_data_ptr<int64_t>()[b] : time; };
    order.resize(batch), lengths.reserve(batch);
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
    const int64_t wanted = std::max(threads, most < batch ? (batch + most - 1) / most : 1);
    bounds.push_back(0);
    for (int64_t place = 0, done = 0; place < batch; place++) {
      done += lengths[place];
      const int64_t share = bounds.size();
      if (share < wanted && done * wanted >= first.back() * share) bounds.push_back(place + 1);
    }
    bounds.push_back(batch);
  }

  int64_t steps() const { return sizes.size(); }
  int64_t shares() const { return bounds.size() - 1; }

  // the row of the sequence at a place among those of all sequences; null where there are none
  template <typename scalar>
  scalar* row(scalar* all, int64_t place, int64_t size) const {
    return all ? all + order[place] * size : nullptr;
  }

  // how many of the places from `from` to `to` have a step t
  int64_t rows(int64_t t, int64_t from, int64_t to) const {
    return t < 0 || t >= steps() ? 0 : std::clamp<int64_t>(sizes[t] - from, 0, to - from);
  }

  // how many of the rows of these places to gather for one product
  int64_t room(int64_t from, int64_t to) const {
    const int64_t all = std::accumulate(lengths.begin() + from, lengths.begin() + to, int64_t{0});
    return std::max(to - from, std::min(all, ROWS_A_PRODUCT));
  }

  // work(k, from, to) for every share, by as many threads as there are
  template <typename F>
  void for_each_share(const F& work) const {
    at::parallel_for(0, shares(), 1, [&](int64_t begin, int64_t end) {
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
    if (!batch || !batch->defined()) return;
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

// The addend, if any, added to a row.
template <typename scalar>
void add(const scalar* addend, scalar* row, int64_t size) {
  for (int64_t j = 0; addend && j < size; j++) row[j] += addend[j];
}

// A row copied, or zeros where there is none.
template <typename scalar>
void copy_or_clear(const scalar* from, int64_t size, scalar* row) {
  for (int64_t j = 0; j < size; j++) row[j] = from ? from[j] : 0;
}

// A gradient that every share brings its own part of: no two write to one place, and the sum has one order every time.
template <typename scalar>
struct Parts {
  Tensor total;  // the first share's part, and in the end the sum
  int64_t size, further;
  std::unique_ptr<scalar[]> rest;

  Parts(at::IntArrayRef sizes, const at::TensorOptions& options, int64_t shares)
      : total(at::empty(sizes, options)),
        size(total.numel()),
        further(shares - 1),
        rest(scratch<scalar>(size * further)) {}

  scalar* of(int64_t share) { return share ? &rest[(share - 1) * size] : pointer<scalar>(total); }

  Tensor sum() {
    at::parallel_for(0, further ? size : 0, NUMBERS_A_THREAD, [&](int64_t begin, int64_t end) {
      for (int64_t k = 1; k <= further; k++) add(of(k) + begin, of(0) + begin, end - begin);
    });
    return total;
  }
};

}  // namespace seqvision
