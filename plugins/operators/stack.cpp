// stack: several linear operators of the same x, their results one after the other along an axis.
//
//   forward   y = (A_1(x), A_2(x), ...)       A_1: A, A_2: B, ...
//   adjoint   x = sum_i A_i*(y_i)             y_i: the part of y that A_i gave
//
// Inputs
//   A   the first operator
//   B   the second
//   C   optional: a third
//   D   optional: a fourth
// Settings (keys in a pipeline file)
//   axis [1]    along which axis of an item of y, counted from 0; 0 is c of "chw", in [0, 5]
//                                                                              default 0
//   sizes [1]   how long each operator's result is along that axis, in [1, 67108864]; by default all
//               are equally long
//
// Errors
//   ConfigError  there are not as many sizes as operators (while planning)
//   ShapeError   an operator does not take x; results differ along other axes, in dtype or unit, or
//                have other lengths along this one than `sizes` says; y cannot be cut into them
//                (while planning)
//
// Accuracy  that of all.
// Cost      that of all, one after the other; memory: their results once more.

#include <algorithm>
#include <numeric>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "combination.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

class Stack final : public Combination {
 public:
  struct Settings {
    std::int64_t axis = 0;
    std::optional<Sizes> sizes;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"axis", &Settings::axis, "1", "along which axis of an item of y, counted from 0",
         within(0, 5)},
        {"sizes", &Settings::sizes, "1", "how long each result is there; by default all alike",
         within(1, 67108864), count(2, 4)},
    };
    return rows;
  }

  explicit Stack(Settings settings) : settings_(std::move(settings)) {}

  void bind(const Inputs& in) override {
    Combination::bind(in);
    if (settings_.sizes) require_one_each("sizes", settings_.sizes->size());
  }

  Spec range(const Spec& x) const override {
    const std::size_t axis = static_cast<std::size_t>(settings_.axis);
    Spec y = parts().front().a->range(x);
    if (axis >= y.shape.size())
      throw ShapeError("'axis' must be below " + std::to_string(y.shape.size()) +
                       ", the number of axes of y (" + y.text() + "), got " + std::to_string(axis));
    Sizes lengths;
    for (const Part& part : parts()) {
      Spec other = part.a->range(x);
      lengths.push_back(axis < other.shape.size() ? other.shape[axis] : 0);
      if (axis < other.shape.size()) other.shape[axis] = y.shape[axis];
      require_same(y, parts().front().name + " x", other, part.name + " x");
    }
    const Sizes expected = settings_.sizes.value_or(Sizes(parts().size(), lengths.front()));
    if (lengths != expected)
      throw ShapeError("the results must be " + entries(expected) + " long along axis " +
                       std::to_string(axis) + ", got " + entries(lengths) +
                       "; set sizes: " + entries(lengths));
    y.shape[axis] = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
    return y;
  }

  Spec domain(const Spec& y) const override {
    const std::size_t axis = static_cast<std::size_t>(settings_.axis);
    if (axis >= y.shape.size())
      throw ShapeError("y must have more than " + std::to_string(axis) + " axes, got " + y.text());
    const Sizes lengths = lengths_of(y.shape[axis]);
    const Spec x = common_domain([&](std::size_t i) {
      Spec part = y;
      part.shape[axis] = lengths[i];
      return part;
    });
    if (range(x).shape != y.shape)
      throw ShapeError("y must have the shape " + shape_text(range(x).shape) + " for an x of " +
                       shape_text(x.shape) + ", got " + shape_text(y.shape));
    return x;
  }

  Tensor forward(const Tensor& x) const override {
    std::vector<Tensor> results;
    for (const Part& part : parts()) results.push_back(part.a->forward(x));
    return at::cat(results, settings_.axis + 1);
  }

  Tensor adjoint(const Tensor& y) const override {
    const std::vector<Tensor> given = cut(y);
    Tensor x = parts().front().a->adjoint(given.front());
    for (std::size_t i = 1; i < parts().size(); ++i) x = x + parts()[i].a->adjoint(given[i]);
    return x;
  }

  Tensor masked(const Tensor& y) const override {
    std::vector<Tensor> given = cut(y);
    for (std::size_t i = 0; i < parts().size(); ++i) given[i] = masked_by(*parts()[i].a, given[i]);
    return at::cat(given, settings_.axis + 1);
  }

  std::int64_t working_bytes(const Spec& x) const override {
    return Combination::working_bytes(x) + std::max(2 * x.bytes(), range(x).bytes());
  }

 private:
  /// Of the results along the axis, if together they are so long.
  Sizes lengths_of(std::int64_t total) const {
    if (settings_.sizes) return *settings_.sizes;
    const auto count = static_cast<std::int64_t>(parts().size());
    if (total % count != 0)
      throw ShapeError("y is " + std::to_string(total) + " long along axis " +
                       std::to_string(settings_.axis) + ", which cannot be cut into " +
                       std::to_string(count) + " equal parts; set 'sizes'");
    return Sizes(parts().size(), total / count);
  }

  std::vector<Tensor> cut(const Tensor& y) const {
    const Sizes lengths = lengths_of(y.size(settings_.axis + 1));
    if (std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0}) !=
        y.size(settings_.axis + 1))
      throw ShapeError("y must be cut into parts of " + entries(lengths) + " along axis " +
                       std::to_string(settings_.axis) + ", got " + shape_text(y.sizes()));
    return y.split_with_sizes(lengths, settings_.axis + 1);
  }

  static std::string entries(const Sizes& sizes) {
    std::string text;
    for (const std::int64_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
    return "[" + text + "]";
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Stack, "Results of several linear operators, one after the other");

}  // namespace pellucid
