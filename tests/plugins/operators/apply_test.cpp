// Operators applied to items, forwards and backwards.

#include <gtest/gtest.h>

#include <filesystem>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/operator.h>
#include <pellucid/pipeline.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "plugins/operators/laws.h"

namespace pellucid {
namespace {

using testing::load_linear_operator;
using testing::message_of;
using testing::run_stage;
using testing::Settings;

constexpr Out<Tensor> kY{"y", ""};

Tensor applied(const std::shared_ptr<const LinearOperator>& a, const Tensor& x,
               const Settings& settings) {
  return run_stage("operators/apply", settings, {{"x", x}, {"A", {}, {}, a}})[kY];
}

TEST(Apply, gives_what_the_operator_or_its_adjoint_gives) {
  const auto a = load_linear_operator("operators/downsampling",
                                      {{"size", Value::list({9, 8})}, {"factor", 2}});
  const Tensor x = at::randn({2, 3, 9, 8}, at::kDouble);
  const Tensor y = applied(a, x, {});
  EXPECT_TRUE(at::equal(y, a->forward(x)));
  EXPECT_TRUE(at::equal(applied(a, y, {{"direction", "adjoint"}}), a->adjoint(y)));
}

TEST(Apply, is_differentiable_both_ways) {
  const auto a = load_linear_operator("operators/demosaicing");
  const Tensor x = at::randn({1, 3, 4, 5}, at::kDouble).set_requires_grad(true);
  const Tensor v = at::randn({1, 1, 4, 5}, at::kDouble).set_requires_grad(true);
  (applied(a, x, {}) * v.detach()).sum().backward();
  EXPECT_TRUE(at::equal(x.grad(), a->adjoint(v.detach())));
  (applied(a, v, {{"direction", "adjoint"}}) * x.detach()).sum().backward();
  EXPECT_TRUE(at::equal(v.grad(), a->forward(x.detach())));
}

TEST(Apply, refuses_what_the_operator_could_not_have_given) {
  const auto a = load_linear_operator("operators/demosaicing");
  EXPECT_EQ(message_of<ShapeError>([&] {
              applied(a, at::rand({1, 3, 4, 4}), {{"direction", "adjoint"}});
            }),
            "test.yaml:1:1: the axis before those of the image must be 'c' of length 1 in y, got 1 "
            "x float32 chw 3x4x4");
}

/// A blur after a blur and what it takes away, forth and back, in a run with these settings.
std::pair<Tensor, Tensor> run(const std::filesystem::path& folder, const std::string& name,
                              const std::string& settings) {
  const std::string text = "pellucid: 1\nsettings: {" + settings + R"(}
keep: [forth, back]
nodes:
  truth: {use: io/dataset, with: {path: truth.npy, axes: nchw}}
  wide:  {use: operators/convolution, with: {kernel: {gaussian: {std: 1.5}}, boundary: reflect}}
  box:   {use: operators/convolution, with: {kernel: {box: 4}, boundary: zero}}
  same:  {use: operators/identity}
  both:  {use: operators/compose, in: {outer: box, inner: wide}}
  sharp: {use: operators/sum, in: {A: same, B: both}, with: {weights: [2, -1]}}
  forth: {use: operators/apply, in: {x: truth, A: sharp}}
  back:  {use: operators/apply, in: {x: truth, A: sharp}, with: {direction: adjoint}}
)";
  RunOptions options;
  options.folder = folder / name;
  Pipeline::parse(text, folder).run(options);
  const auto read = [&](const char* dataset) {
    const DatasetReader reader({folder / name / "result.h5", dataset});
    return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
  };
  return {read("/forth/y"), read("/back/y")};
}

TEST(Apply, gives_the_same_in_tiles_forth_and_back) {
  const TemporaryFolder folder;
  const Tensor truth = at::rand({2, 3, 60, 44});
  DatasetWriter writer(folder / "truth.npy", {{"", spec_of(truth, "chw")}}, false);
  writer.write(0, 0, truth);
  writer.close(true);
  const auto [forth, back] = run(folder.path(), "whole", "");
  const auto [forth_in_tiles, back_in_tiles] = run(folder.path(), "tiles", "tile: [25, 20]");
  EXPECT_LT(laws::largest(forth_in_tiles - forth), 1e-6);
  EXPECT_LT(laws::largest(back_in_tiles - back), 1e-6);
  EXPECT_GT(laws::largest(back - forth), 1e-2);
}

}  // namespace
}  // namespace pellucid
