// The gated recurrences over all steps of a batch: `layer.h` with the arithmetic of a row of the GRU, the LSTM and the
// layer-normalised LSTM. The order of the gates is torch's.

#include <torch/library.h>

#include "layer.h"

namespace seqvision {
namespace {

// r = σ(x_r + h_r)   z = σ(x_z + h_z)   n = tanh(x_n + r h_n)   h' = n + z (h − n)
//
// Biases of r, z, of n's share of the input and of n's share of the state. Keeps r, z, n and h_n.
template <typename number>
struct Gru {
  using scalar = number;
  static constexpr int64_t gates = 3, memory = -1, biases = 4;
  static constexpr bool apart = true, passes_on = true;
  const scalar* bias;
  const int64_t size;

  Gru(const scalar*, const scalar* bias, double, int64_t size) : bias(bias), size(size) {}

  int64_t gains() const { return 0; }
  int64_t kept() const { return 4; }
  int64_t deviations() const { return 0; }

  void step(const There<scalar>& row) const {
    const scalar *r_x = row.sums, *z_x = r_x + size, *n_x = z_x + size;
    const scalar *r_h = row.apart, *z_h = r_h + size, *n_h = z_h + size;
    const scalar *r_bias = bias, *z_bias = r_bias + size, *n_x_bias = z_bias + size, *n_h_bias = n_x_bias + size;
    scalar *h = row.h, *kept = row.kept;
#pragma omp simd
    for (int64_t j = 0; j < size; j++) {
      const scalar r = sigmoid_of(r_x[j] + r_h[j] + r_bias[j]), z = sigmoid_of(z_x[j] + z_h[j] + z_bias[j]);
      const scalar inner = n_h[j] + n_h_bias[j], n = tanh_of(n_x[j] + n_x_bias[j] + r * inner);
      h[j] = n + z * (h[j] - n);
      if (kept) kept[j] = r, kept[size + j] = z, kept[2 * size + j] = n, kept[3 * size + j] = inner;
    }
  }

  void back(const Back<scalar>& row) const {
    const scalar *r = row.kept, *z = r + size, *n = z + size, *inner = n + size;
    const scalar *d_output = row.d_output, *before = row.h_before;
    scalar *d_h = row.d_h, *d_sums = row.d_sums, *d_apart = row.d_apart, *d_bias = row.d_bias;
#pragma omp simd
    for (int64_t j = 0; j < size; j++) {
      const scalar d = d_h[j] + (d_output ? d_output[j] : 0);
      const scalar d_n = d * (1 - z[j]) * (1 - n[j] * n[j]), d_inner = d_n * r[j];
      const scalar d_z = d * (before[j] - n[j]) * z[j] * (1 - z[j]), d_r = d_n * inner[j] * r[j] * (1 - r[j]);
      d_h[j] = d * z[j];
      d_sums[j] = d_apart[j] = d_r, d_sums[size + j] = d_apart[size + j] = d_z;
      d_sums[2 * size + j] = d_n, d_apart[2 * size + j] = d_inner;
      d_bias[j] += d_r, d_bias[size + j] += d_z, d_bias[2 * size + j] += d_n, d_bias[3 * size + j] += d_inner;
    }
  }
};

// c' = f c + i g   h' = o tanh(c')   with i, f, o = σ and g = tanh of its sums. Keeps i, f, g, o and c'.
template <typename number>
struct Lstm {
  using scalar = number;
  static constexpr int64_t gates = 4, memory = 4, biases = 4;
  static constexpr bool apart = false, passes_on = false;
  const scalar* bias;
  const int64_t size;

  Lstm(const scalar*, const scalar* bias, double, int64_t size) : bias(bias), size(size) {}

  int64_t gains() const { return 0; }
  int64_t kept() const { return 5; }
  int64_t deviations() const { return 0; }

  void step(const There<scalar>& row) const {
    const scalar *sums = row.sums, *b = bias;
    scalar *h = row.h, *c = row.c, *kept = row.kept;
#pragma omp simd
    for (int64_t j = 0; j < size; j++) {
      const int64_t k = size + j, l = 2 * size + j, m = 3 * size + j;
      const scalar i = sigmoid_of(sums[j] + b[j]), f = sigmoid_of(sums[k] + b[k]);
      const scalar g = tanh_of(sums[l] + b[l]), o = sigmoid_of(sums[m] + b[m]);
      c[j] = f * c[j] + i * g;
      h[j] = o * tanh_of(c[j]);
      if (kept) kept[j] = i, kept[k] = f, kept[l] = g, kept[m] = o, kept[4 * size + j] = c[j];
    }
  }

  void back(const Back<scalar>& row) const {
    const scalar *i = row.kept, *f = i + size, *g = f + size, *o = g + size, *c = o + size;
    const scalar *d_output = row.d_output, *before = row.c_before;
    scalar *d_h = row.d_h, *d_c = row.d_c, *d_sums = row.d_sums, *d_bias = row.d_bias;
#pragma omp simd
    for (int64_t j = 0; j < size; j++) {
      const scalar d = d_h[j] + (d_output ? d_output[j] : 0), shown = tanh_of(c[j]);
      const scalar d_memory = d_c[j] + d * o[j] * (1 - shown * shown);
      const scalar d_i = d_memory * g[j] * i[j] * (1 - i[j]);
      const scalar d_f = (before ? d_memory * before[j] : 0) * f[j] * (1 - f[j]);
      const scalar d_g = d_memory * i[j] * (1 - g[j] * g[j]), d_o = d * shown * o[j] * (1 - o[j]);
      d_c[j] = d_memory * f[j];
      d_sums[j] = d_i, d_sums[size + j] = d_f, d_sums[2 * size + j] = d_g, d_sums[3 * size + j] = d_o;
      d_bias[j] += d_i, d_bias[size + j] += d_f, d_bias[2 * size + j] += d_g, d_bias[3 * size + j] += d_o;
    }
  }
};

// The LSTM with a = LN(W_x x) + LN(W_h h) and h' = o tanh(LN(c')), each normalised row with a gain of its own: of the
// input's share, of the state's and of the memory, in this order; biases of the sums and of the memory.
//
// Keeps i, f, g, o, c' and the three xhat, and the three 1 / deviation.
template <typename number>
struct NormalisedLstm {
  using scalar = number;
  static constexpr int64_t gates = 4, memory = 4, biases = 5;
  static constexpr bool apart = true, passes_on = false;
  const scalar *input_gain, *state_gain, *memory_gain, *bias, *memory_bias;
  const scalar eps;
  const int64_t size, wide;

  NormalisedLstm(const scalar* gain, const scalar* bias, double eps, int64_t size)
      : input_gain(gain), state_gain(gain + 4 * size), memory_gain(gain + 8 * size), bias(bias),
        memory_bias(bias + 4 * size), eps(eps), size(size), wide(4 * size) {}

  int64_t gains() const { return 9; }
  int64_t kept() const { return 14; }
  int64_t deviations() const { return 3; }

  // With nothing to be kept, the gates take the place of the sums.
  void step(const There<scalar>& row) const {
    scalar *input = row.kept ? row.kept + 5 * size : row.sums, *state = row.kept ? input + wide : row.apart;
    scalar *i = row.kept ? row.kept : row.sums, *f = i + size, *g = f + size, *o = g + size;
    scalar *h = row.h, *c = row.c, *xhat = row.kept ? state + wide : nullptr;
    const scalar of_input = normalise(row.sums, input), of_state = normalise(row.apart, state);
#pragma omp simd
    for (int64_t j = 0; j < size; j++) {
      i[j] = sigmoid_of(sum_of(input, state, j)), f[j] = sigmoid_of(sum_of(input, state, size + j));
      g[j] = tanh_of(sum_of(input, state, 2 * size + j)), o[j] = sigmoid_of(sum_of(input, state, 3 * size + j));
      c[j] = f[j] * c[j] + i[j] * g[j];
    }
    const scalar of_memory = activate_normalised(c, memory_gain, memory_bias, eps, xhat, h, size);
#pragma omp simd
    for (int64_t j = 0; j < size; j++) h[j] *= o[j];
    if (!row.kept) return;
    std::copy_n(c, size, row.kept + wide);
    row.inverse[0] = of_input, row.inverse[1] = of_state, row.inverse[2] = of_memory;
  }

  void back(const Back<scalar>& row) const {
    const scalar *i = row.kept, *f = i + size, *g = f + size, *o = g + size, *input = o + 2 * size;
    const scalar *state = input + wide, *xhat = state + wide, *d_output = row.d_output, *before = row.c_before;
    scalar *d_h = row.d_h, *d_c = row.d_c, *d_sums = row.d_sums, *d_apart = row.d_apart, *d_bias = row.d_bias;
    scalar *d_input_gain = row.d_gain, *d_state_gain = d_input_gain + wide, *d_memory_gain = d_state_gain + wide;
    scalar *d_memory_bias = d_bias + wide, sum = 0, along = 0;
#pragma omp simd reduction(+ : sum, along)
    for (int64_t j = 0; j < size; j++) {  // d_h becomes the gradient of the normalised memory
      const scalar d = d_h[j] + (d_output ? d_output[j] : 0);
      const scalar shown = tanh_of(memory_gain[j] * xhat[j] + memory_bias[j]);
      const scalar d_shown = d * o[j] * (1 - shown * shown);
      d_sums[3 * size + j] = d * shown * o[j] * (1 - o[j]);
      d_memory_bias[j] += d_shown, d_memory_gain[j] += d_shown * xhat[j];
      d_h[j] = d_shown * memory_gain[j];
      sum += d_h[j], along += d_h[j] * xhat[j];
    }
    through_normalisation(d_h, xhat, row.inverse[2], sum, along, size);
#pragma omp simd
    for (int64_t j = 0; j < size; j++) {
      const scalar d = d_c[j] + d_h[j];
      d_sums[j] = d * g[j] * i[j] * (1 - i[j]);
      d_sums[size + j] = (before ? d * before[j] : 0) * f[j] * (1 - f[j]);
      d_sums[2 * size + j] = d * i[j] * (1 - g[j] * g[j]);
      d_c[j] = d * f[j];
    }
    scalar of_input = 0, along_input = 0, of_state = 0, along_state = 0;
#pragma omp simd reduction(+ : of_input, along_input, of_state, along_state)
    for (int64_t j = 0; j < wide; j++) {
      const scalar d = d_sums[j];
      d_bias[j] += d, d_input_gain[j] += d * input[j], d_state_gain[j] += d * state[j];
      d_sums[j] = d * input_gain[j], d_apart[j] = d * state_gain[j];
      of_input += d_sums[j], along_input += d_sums[j] * input[j];
      of_state += d_apart[j], along_state += d_apart[j] * state[j];
    }
    through_normalisation(d_sums, input, row.inverse[0], of_input, along_input, wide);
    through_normalisation(d_apart, state, row.inverse[1], of_state, along_state, wide);
  }

 private:
  scalar normalise(const scalar* a, scalar* xhat) const {
    const auto pair = moments(a, eps, wide);
    const scalar mean = pair.first, inverse = pair.second;
#pragma omp simd
    for (int64_t j = 0; j < wide; j++) xhat[j] = (a[j] - mean) * inverse;
    return inverse;
  }

  scalar sum_of(const scalar* input, const scalar* state, int64_t j) const {
    return input_gain[j] * input[j] + state_gain[j] * state[j] + bias[j];
  }
};

std::tuple<Tensor, Tensor> gru(const Tensor& x, const optional<Tensor>& lengths, const Tensor& w_in, const Tensor& w,
                               const Tensor& bias, const optional<Tensor>& before, bool reverse) {
  const Found found = layer<Gru>(x, lengths, w_in, w, std::nullopt, bias, before, std::nullopt, 0, reverse);
  return {found.states, found.last};
}

std::tuple<Tensor, Tensor, Tensor> lstm(const Tensor& x, const optional<Tensor>& lengths, const Tensor& w_in,
                                        const Tensor& w, const Tensor& bias, const optional<Tensor>& before,
                                        const optional<Tensor>& memory, bool reverse) {
  const Found found = layer<Lstm>(x, lengths, w_in, w, std::nullopt, bias, before, memory, 0, reverse);
  return {found.states, found.last, found.memory};
}

std::tuple<Tensor, Tensor, Tensor> normalised_lstm(const Tensor& x, const optional<Tensor>& lengths,
                                                   const Tensor& w_in, const Tensor& w, const Tensor& gain,
                                                   const Tensor& bias, const optional<Tensor>& before,
                                                   const optional<Tensor>& memory, double eps, bool reverse) {
  const Found found = layer<NormalisedLstm>(x, lengths, w_in, w, gain, bias, before, memory, eps, reverse);
  return {found.states, found.last, found.memory};
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(seqvision, library) {
  library.def(
      "gru(Tensor x, Tensor? lengths, Tensor w_in, Tensor w, Tensor bias, Tensor? before, bool reverse) -> "
      "(Tensor, Tensor)");
  library.def(
      "lstm(Tensor x, Tensor? lengths, Tensor w_in, Tensor w, Tensor bias, Tensor? before, Tensor? memory, bool "
      "reverse) -> (Tensor, Tensor, Tensor)");
  library.def(
      "normalised_lstm(Tensor x, Tensor? lengths, Tensor w_in, Tensor w, Tensor gain, Tensor bias, Tensor? before, "
      "Tensor? memory, float eps, bool reverse) -> (Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(seqvision, CPU, library) {
  library.impl("gru", &gru), library.impl("lstm", &lstm), library.impl("normalised_lstm", &normalised_lstm);
}
TORCH_LIBRARY_IMPL(seqvision, AutogradCPU, library) {
  library.impl("gru", &gru), library.impl("lstm", &lstm), library.impl("normalised_lstm", &normalised_lstm);
}

}  // namespace seqvision
