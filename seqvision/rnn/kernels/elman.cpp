// The Elman recurrence, plain or layer-normalised, over all steps of a batch: `layer.h` with its arithmetic of a row.

#include <torch/library.h>

#include "layer.h"

namespace seqvision {
namespace {

// Keeps xhat and 1 / deviation where there is a gain.
template <typename number>
struct Elman {
  using scalar = number;
  static constexpr int64_t gates = 1, memory = -1, biases = 1;
  static constexpr bool apart = false, passes_on = false;
  const scalar *gain, *bias;
  const scalar eps;
  const int64_t size;

  Elman(const scalar* gain, const scalar* bias, double eps, int64_t size)
      : gain(gain), bias(bias), eps(eps), size(size) {}

  int64_t gains() const { return gain ? 1 : 0; }
  int64_t kept() const { return gain ? 1 : 0; }
  int64_t deviations() const { return gain ? 1 : 0; }

  void step(const There<scalar>& row) const {
    if (!gain) {
      activate(row.sums, bias, row.h, size);
    } else if (!row.kept) {
      activate_normalised<scalar>(row.sums, gain, bias, eps, nullptr, row.h, size);
    } else {
      *row.inverse = activate_normalised<scalar>(row.sums, gain, bias, eps, row.kept, row.h, size);
    }
  }

  void back(const Back<scalar>& row) const {
    if (gain) {
      differentiate_normalised(row.d_output, row.d_h, row.h, row.kept, *row.inverse, gain, row.d_sums, row.d_gain,
                               row.d_bias, size);
    } else {
      differentiate(row.d_output, row.d_h, row.h, row.d_sums, row.d_bias, size);
    }
  }
};

std::tuple<Tensor, Tensor> elman(const Tensor& x, const optional<Tensor>& lengths, const Tensor& w_in, const Tensor& w,
                                 const optional<Tensor>& gain, const Tensor& bias, const optional<Tensor>& before,
                                 double eps, bool reverse) {
  const Found found = layer<Elman>(x, lengths, w_in, w, gain, bias, before, std::nullopt, eps, reverse);
  return {found.states, found.last};
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
