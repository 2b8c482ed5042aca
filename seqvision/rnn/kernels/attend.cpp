// The Elman recurrence that looks at a picture at every step, through scaled dot attention, forward and backward:
//
//   q = W_q h + b_q    w = softmax(scale K q)    c = w V    h' = the cell's step on W_x x + W_c c + W_h h
//
// With `seen`, only so many first places of each picture count; the others have weight zero and are never read.
// A share has few sequences, so that their keys and values stay in the cache through all steps. The gradients of the
// keys, the values and the weights are products over all steps of a sequence or a share, at the end.

#include <torch/library.h>

#include "recurrence.h"

namespace seqvision {
namespace {

constexpr int64_t SEQUENCES_A_SHARE = 16;

// The scores become their softmax.
template <typename scalar>
void soften(scalar* scores, scalar scale, int64_t places) {
  if (places == 0) return;
  const scalar most = *std::max_element(scores, scores + places);
  scalar sum = 0;
  for (int64_t p = 0; p < places; p++) sum += scores[p] = std::exp(scale * (scores[p] - most));
  for (int64_t p = 0; p < places; p++) scores[p] /= sum;
}

// The gradient of the weights becomes that of the scores.
template <typename scalar>
void differentiate_softmax(const scalar* weights, scalar* d_weights, scalar scale, int64_t places) {
  scalar along = 0;
  for (int64_t p = 0; p < places; p++) along += weights[p] * d_weights[p];
  for (int64_t p = 0; p < places; p++) d_weights[p] = scale * weights[p] * (d_weights[p] - along);
}

// How many places of a picture count.
int64_t places_of(const optional<Tensor>& seen, int64_t picture, int64_t places) {
  return seen ? seen->const_data_ptr<int64_t>()[picture] : places;
}

// Refuses what cannot be indexed: every size that a pointer is computed from is checked here, before any is. `steps`
// is (batch, time, …); the other tensors are as `attend_forward` takes them.
void check(const Tensor& steps, const optional<Tensor>& lengths, const optional<Tensor>& seen, const Tensor& keys,
           const Tensor& values, const Tensor& w_query, const Tensor& b_query, const Tensor& w_context, const Tensor& w,
           const optional<Tensor>& gain, const Tensor& before) {
  const auto type = w.scalar_type();
  TORCH_CHECK(type == at::kFloat || type == at::kDouble, "w is of type ", type, "; expected Float or Double");
  TORCH_CHECK(steps.dim() == 3 && keys.dim() == 3 && values.dim() == 3, "the inputs, keys and values have the shapes ",
              steps.sizes(), ", ", keys.sizes(), " and ", values.sizes(), "; expected three dimensions of each");
  TORCH_CHECK(w.dim() == 2 && w.size(1) > 0, "w has the shape ", w.sizes(), "; expected (hidden, hidden)");
  const int64_t batch = steps.size(0), time = steps.size(1), size = w.size(1);
  const int64_t places = keys.size(1), key = keys.size(2), value = values.size(2);
  expect_rows(steps, "the inputs", {batch, time, size}, type);
  expect_counts(lengths, "lengths", batch, time);
  expect_counts(seen, "seen", batch, places);
  expect_contiguous(keys, "keys", {batch, places, key}, type);
  expect_contiguous(values, "values", {batch, places, value}, type);
  expect_contiguous(w_query, "w_query", {key, size}, type);
  expect_contiguous(b_query, "b_query", {key}, type);
  expect_contiguous(w_context, "w_context", {size, value}, type);
  expect_contiguous(w, "w", {size, size}, type);
  expect_contiguous(gain, "gain", {size}, type);
  expect_contiguous(before, "before", {batch, size}, type);
}

// The states, the contexts and the attention's weights of all steps, zeros in the padding, the last states; with
// `save` and a gain also xhat and 1 / deviation. `projected` is W_x x.
template <typename scalar>
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> run_forward(
    const Tensor& projected, const optional<Tensor>& lengths, const optional<Tensor>& seen, const Tensor& keys,
    const Tensor& values, const Tensor& w_query, const Tensor& b_query, const Tensor& w_context, const Tensor& w,
    const optional<Tensor>& gain, const Tensor& bias, const Tensor& before, double scale, double eps, bool save) {
  const Plan plan(projected, lengths, false, SEQUENCES_A_SHARE);
  const int64_t batch = projected.size(0), time = projected.size(1), size = w.size(0), places = keys.size(1),
                key = keys.size(2), value = values.size(2), saved = save && gain ? plan.first.back() : 0;
  const auto options = projected.options();
  Tensor states = at::empty({batch, time, size}, options), contexts = at::empty({batch, time, value}, options);
  Tensor weights = at::empty({batch, time, places}, options), last = at::empty_like(before);
  Tensor xhat = at::empty({saved, size}, options), inverse = at::empty({saved}, options);

  const Tensor query_turned = w_query.t().contiguous(), context_turned = w_context.t().contiguous();
  const Tensor turned = w.t().contiguous();
  const Matrix<scalar> to_query{pointer<scalar>(query_turned), key}, recurrent{pointer<scalar>(turned), size};
  const Matrix<scalar> from_context{pointer<scalar>(context_turned), size};
  const Steps<scalar> x_at(projected, plan), state_at(states, plan), context_at(contexts, plan);
  const Steps<scalar> weight_at(weights, plan);
  const scalar *keys_of = pointer<scalar>(keys), *values_of = pointer<scalar>(values);
  const scalar *b_queries = pointer<scalar>(b_query), *gains = pointer<scalar>(gain), *biases = pointer<scalar>(bias);
  const scalar* start = pointer<scalar>(before);
  scalar *xhats = pointer<scalar>(xhat), *inverses = pointer<scalar>(inverse), *end = pointer<scalar>(last);

  plan.for_each_share([&](int64_t, int64_t from, int64_t to) {
    const int64_t count = to - from;
    const auto state = scratch<scalar>(count * size), query = scratch<scalar>(count * key),
               context = scratch<scalar>(count * value), sums = scratch<scalar>(count * size);
    for (int64_t i = 0; i < count; i++) std::copy_n(start + plan.order[from + i] * size, size, &state[i * size]);
    for (int64_t t = 0, rows; (rows = plan.rows(t, from, to)) > 0; t++) {
      multiply<scalar>({state.get(), size}, to_query, query.get(), key, rows, key, size);
      for (int64_t i = 0; i < rows; i++) {
        const int64_t picture = plan.order[from + i] * places, here = places_of(seen, plan.order[from + i], places);
        scalar *q = &query[i * key], *c = &context[i * value], *attention = weight_at.at(t, from + i);
        add(b_queries, q, key);
        multiply<scalar>({q, key}, {keys_of + picture * key, key, true}, attention, places, 1, here, key);
        soften<scalar>(attention, scale, here);
        std::fill_n(attention + here, places - here, scalar(0));
        multiply<scalar>({attention, places}, {values_of + picture * value, value}, c, value, 1, value, here);
        std::copy_n(c, value, context_at.at(t, from + i));
        std::copy_n(x_at.at(t, from + i), size, &sums[i * size]);
      }
      multiply<scalar>({context.get(), value}, from_context, sums.get(), size, rows, size, value, true);
      multiply<scalar>({state.get(), size}, recurrent, sums.get(), size, rows, size, size, true);
      for (int64_t i = 0; i < rows; i++) {
        scalar *a = &sums[i * size], *h = &state[i * size];
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
    for (const auto* part : {&state_at, &context_at, &weight_at}) part->clear_padding(from, to);
    for (int64_t i = 0; i < count; i++) std::copy_n(&state[i * size], size, end + plan.order[from + i] * size);
  });
  return {states, contexts, weights, last, xhat, inverse};
}

// The gradients of projected, keys, values, w_query, b_query, w_context, w, gain, bias and before.
template <typename scalar>
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> run_backward(
    const optional<Tensor>& d_states, const optional<Tensor>& d_contexts, const optional<Tensor>& d_weights,
    const optional<Tensor>& d_last, const Tensor& states, const Tensor& contexts, const Tensor& weights,
    const Tensor& xhat, const Tensor& inverse, const optional<Tensor>& lengths, const optional<Tensor>& seen,
    const Tensor& keys, const Tensor& values, const Tensor& w_query, const Tensor& b_query, const Tensor& w_context,
    const Tensor& w, const optional<Tensor>& gain, const Tensor& before, double scale) {
  const Plan plan(states, lengths, false, SEQUENCES_A_SHARE);
  const int64_t size = w.size(0), places = keys.size(1), key = keys.size(2), value = values.size(2),
                shares = plan.shares();
  const auto options = w.options();
  Tensor d_projected = at::empty_like(states), d_before = at::empty_like(before);
  Tensor d_keys = at::empty_like(keys), d_values = at::empty_like(values);
  Parts<scalar> d_w_query({key, size}, options, shares), d_w_context({size, value}, options, shares);
  Parts<scalar> d_w({size, size}, options, shares), d_b_query({key}, options, shares);
  Parts<scalar> d_gain({size}, options, shares), d_bias({size}, options, shares);

  const Steps<scalar> state_at(states, plan), context_at(contexts, plan), weight_at(weights, plan);
  const Steps<scalar> d_state_at(d_states, plan), d_context_at(d_contexts, plan), d_weight_at(d_weights, plan);
  const Steps<scalar> d_projected_at(d_projected, plan);
  const Matrix<scalar> to_query{pointer<scalar>(w_query), size}, recurrent{pointer<scalar>(w), size};
  const Matrix<scalar> from_context{pointer<scalar>(w_context), value};
  const scalar *keys_of = pointer<scalar>(keys), *values_of = pointer<scalar>(values);
  const scalar *b_queries = pointer<scalar>(b_query), *gains = pointer<scalar>(gain);
  const scalar *xhats = pointer<scalar>(xhat), *inverses = pointer<scalar>(inverse), *start = pointer<scalar>(before);
  const scalar* d_end = pointer<scalar>(d_last);

  plan.for_each_share([&](int64_t k, int64_t from, int64_t to) {
    const int64_t count = to - from;
    scalar *d_gains = d_gain.of(k), *d_biases = d_bias.of(k), *d_b = d_b_query.of(k);
    for (auto* part : {&d_gain, &d_bias, &d_b_query}) std::fill_n(part->of(k), part->size, scalar(0));
    const auto d_next = scratch<scalar>(count * size), d_sums = scratch<scalar>(count * size),
               d_context = scratch<scalar>(count * value), d_query = scratch<scalar>(count * key);
    std::fill_n(d_next.get(), count * size, scalar(0));
    for (int64_t i = 0; i < count && d_end; i++) {
      std::copy_n(d_end + plan.order[from + i] * size, size, &d_next[i * size]);
    }
    // all steps of the share, one sequence after the other: the row of step t of sequence i is begin[i] + t
    std::vector<int64_t> begin(count + 1, 0);
    for (int64_t i = 0; i < count; i++) begin[i + 1] = begin[i] + plan.lengths[from + i];
    const int64_t all = begin[count];
    const auto all_d_sums = scratch<scalar>(all * size), all_before = scratch<scalar>(all * size),
               all_contexts = scratch<scalar>(all * value), all_d_contexts = scratch<scalar>(all * value),
               all_queries = scratch<scalar>(all * key), all_d_queries = scratch<scalar>(all * key),
               all_d_scores = scratch<scalar>(all * places);

    for (int64_t t = plan.steps() - 1; t >= 0; t--) {
      const int64_t rows = plan.rows(t, from, to);
      if (rows == 0) continue;
      for (int64_t i = 0; i < rows; i++) {
        const int64_t place = plan.first[t] + from + i;
        const scalar *d_output = d_state_at.at(t, from + i), *h = state_at.at(t, from + i);
        scalar *d_a = &d_sums[i * size], *d_row = &d_next[i * size];
        if (gains) {
          differentiate_normalised(d_output, d_row, h, xhats + place * size, inverses[place], gains, d_a, d_gains,
                                   d_biases, size);
        } else {
          differentiate(d_output, d_row, h, d_a, d_biases, size);
        }
      }
      multiply<scalar>({d_sums.get(), size}, recurrent, d_next.get(), size, rows, size, size);
      multiply<scalar>({d_sums.get(), size}, from_context, d_context.get(), value, rows, value, size);
      for (int64_t i = 0; i < rows; i++) {
        const int64_t row = begin[i] + t, picture = plan.order[from + i] * places,
                      here = places_of(seen, plan.order[from + i], places);
        scalar *d_c = &d_context[i * value], *d_q = &d_query[i * key], *d_scores = &all_d_scores[row * places];
        add(d_context_at.at(t, from + i), d_c, value);
        multiply<scalar>({d_c, value}, {values_of + picture * value, value, true}, d_scores, places, 1, here, value);
        add(d_weight_at.at(t, from + i), d_scores, here);
        differentiate_softmax<scalar>(weight_at.at(t, from + i), d_scores, scale, here);
        std::fill_n(d_scores + here, places - here, scalar(0));
        multiply<scalar>({d_scores, places}, {keys_of + picture * key, key}, d_q, key, 1, key, here);
        std::copy_n(&d_sums[i * size], size, &all_d_sums[row * size]);
        std::copy_n(t ? state_at.at(t - 1, from + i) : start + plan.order[from + i] * size, size,
                    &all_before[row * size]);
        std::copy_n(context_at.at(t, from + i), value, &all_contexts[row * value]);
        std::copy_n(d_c, value, &all_d_contexts[row * value]);
        std::copy_n(d_q, key, &all_d_queries[row * key]);
      }
      multiply<scalar>({d_query.get(), key}, to_query, d_next.get(), size, rows, size, key, true);
    }

    const Matrix<scalar> d_sums_turned{all_d_sums.get(), size, true}, d_queries_turned{all_d_queries.get(), key, true};
    const Matrix<scalar> came_from{all_before.get(), size};
    multiply<scalar>(d_sums_turned, came_from, d_w.of(k), size, size, size, all);
    multiply<scalar>(d_sums_turned, {all_contexts.get(), value}, d_w_context.of(k), value, size, value, all);
    multiply<scalar>(d_queries_turned, came_from, d_w_query.of(k), size, key, size, all);
    multiply<scalar>(came_from, {pointer<scalar>(w_query), size, true}, all_queries.get(), key, all, key, size);
    for (int64_t row = 0; row < all; row++) {
      add(b_queries, &all_queries[row * key], key);
      add(&all_d_queries[row * key], d_b, key);
    }
    for (int64_t i = 0; i < count; i++) {
      const int64_t length = begin[i + 1] - begin[i], picture = plan.order[from + i] * places;
      const Matrix<scalar> attention{weight_at.at(0, from + i), weight_at.step, true};
      const Matrix<scalar> d_scores{&all_d_scores[begin[i] * places], places, true};
      multiply<scalar>(attention, {&all_d_contexts[begin[i] * value], value},
                       pointer<scalar>(d_values) + picture * value, value, places, value, length);
      multiply<scalar>(d_scores, {&all_queries[begin[i] * key], key}, pointer<scalar>(d_keys) + picture * key, key,
                       places, key, length);
      for (int64_t t = 0; t < length; t++) {
        std::copy_n(&all_d_sums[(begin[i] + t) * size], size, d_projected_at.at(t, from + i));
      }
      std::copy_n(&d_next[i * size], size, pointer<scalar>(d_before) + plan.order[from + i] * size);
    }
    d_projected_at.clear_padding(from, to);
  });
  return {d_projected,       d_keys,    d_values,     d_w_query.sum(), d_b_query.sum(),
          d_w_context.sum(), d_w.sum(), d_gain.sum(), d_bias.sum(),    d_before};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> attend_forward(
    const Tensor& projected, const optional<Tensor>& lengths, const optional<Tensor>& seen, const Tensor& keys,
    const Tensor& values, const Tensor& w_query, const Tensor& b_query, const Tensor& w_context, const Tensor& w,
    const optional<Tensor>& gain, const Tensor& bias, const Tensor& before, double scale, double eps, bool save) {
  check(projected, lengths, seen, keys, values, w_query, b_query, w_context, w, gain, before);
  expect_contiguous(bias, "bias", {w.size(1)}, w.scalar_type());
  const auto run = w.scalar_type() == at::kDouble ? run_forward<double> : run_forward<float>;
  return run(projected, lengths, seen, keys, values, w_query, b_query, w_context, w, gain, bias, before, scale, eps,
             save);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> attend_backward(
    const optional<Tensor>& d_states, const optional<Tensor>& d_contexts, const optional<Tensor>& d_weights,
    const optional<Tensor>& d_last, const Tensor& states, const Tensor& contexts, const Tensor& weights,
    const Tensor& xhat, const Tensor& inverse, const optional<Tensor>& lengths, const optional<Tensor>& seen,
    const Tensor& keys, const Tensor& values, const Tensor& w_query, const Tensor& b_query, const Tensor& w_context,
    const Tensor& w, const optional<Tensor>& gain, const Tensor& before, double scale) {
  check(states, lengths, seen, keys, values, w_query, b_query, w_context, w, gain, before);
  const auto type = w.scalar_type();
  const int64_t batch = states.size(0), time = states.size(1), size = w.size(1);
  const int64_t places = keys.size(1), value = values.size(2);
  const int64_t steps = gain ? (lengths ? lengths->sum().item<int64_t>() : batch * time) : 0;
  expect_rows(d_states, "d_states", {batch, time, size}, type);
  expect_rows(d_contexts, "d_contexts", {batch, time, value}, type);
  expect_rows(d_weights, "d_weights", {batch, time, places}, type);
  expect_contiguous(d_last, "d_last", {batch, size}, type);
  expect_rows(contexts, "contexts", {batch, time, value}, type);
  expect_rows(weights, "weights", {batch, time, places}, type);
  expect_contiguous(xhat, "xhat", {steps, size}, type);
  expect_contiguous(inverse, "inverse", {steps}, type);
  const auto run = type == at::kDouble ? run_backward<double> : run_backward<float>;
  return run(d_states, d_contexts, d_weights, d_last, states, contexts, weights, xhat, inverse, lengths, seen, keys,
             values, w_query, b_query, w_context, w, gain, before, scale);
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(seqvision, library) {
  library.def(
      "attend_forward(Tensor projected, Tensor? lengths, Tensor? seen, Tensor keys, Tensor values, Tensor w_query, "
      "Tensor b_query, Tensor w_context, Tensor w, Tensor? gain, Tensor bias, Tensor before, float scale, float eps, "
      "bool save) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
  library.def(
      "attend_backward(Tensor? d_states, Tensor? d_contexts, Tensor? d_weights, Tensor? d_last, Tensor states, Tensor "
      "contexts, Tensor weights, Tensor xhat, Tensor inverse, Tensor? lengths, Tensor? seen, Tensor keys, Tensor "
      "values, Tensor w_query, Tensor b_query, Tensor w_context, Tensor w, Tensor? gain, Tensor before, float scale) "
      "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(seqvision, CPU, library) {
  library.impl("attend_forward", &attend_forward);
  library.impl("attend_backward", &attend_backward);
}

}  // namespace seqvision
