#include <gtest/gtest.h>

#include "framework/pipeline/reading.h"

namespace pellucid {
namespace {

using testing::problems_of;
using testing::read;

Documents read_sweep(const std::string& sweep, std::vector<std::string> overrides = {}) {
  return read(
      "pellucid: 1\n"
      "vars: {sigma: 0.1, values: [1, 2]}\n"
      "nodes:\n"
      "  camera: {use: operators/measure, with: {noise: '${sigma}'}}\n"
      "  restore: {use: vb/vble, in: {y: camera}, with: {lambda: 0.7, init: wiener}}\n"
      "sweep:\n" +
          sweep,
      std::move(overrides));
}

/// "label: noise lambda init" of every point.
std::string points_of(const Documents& documents) {
  if (!documents.problems.empty()) return problems_of(documents);
  std::string text;
  for (const Document& point : documents.points) {
    text += point.label + ": " + point.nodes[0].with.find("noise")->text() + " " +
            point.nodes[1].with.find("lambda")->text() + " " +
            point.nodes[1].with.find("init")->text() + "\n";
  }
  return text;
}

TEST(Sweep, is_the_product_of_its_axes_with_the_last_one_fastest) {
  EXPECT_EQ(
      points_of(read_sweep("  - {restore.lambda: [0.1, 0.5]}\n"
                           "  - - {label: weak, set: {vars.sigma: 0.01}}\n"
                           "    - {label: strong, set: {vars.sigma: 1, restore.init: zero}}\n")),
      "lambda=0.1,weak: 0.01 0.1 wiener\n"
      "lambda=0.1,strong: 1 0.1 zero\n"
      "lambda=0.5,weak: 0.01 0.5 wiener\n"
      "lambda=0.5,strong: 1 0.5 zero\n");
}

TEST(Sweep, names_its_axes_for_tables) {
  const Documents documents = read_sweep(
      "  - {restore.lambda: [0.1, 0.5]}\n"
      "  - - {label: weak, set: {vars.sigma: 0.01}}\n"
      "    - {label: strong, set: {vars.sigma: 1, restore.init: zero}}\n");
  EXPECT_EQ(documents.axes, (std::vector<std::string>{"lambda", "axis 2"}));
  EXPECT_EQ(documents.points[3].labels, (std::vector<std::pair<std::string, std::string>>{
                                            {"lambda", "0.5"}, {"axis 2", "strong"}}));
}

TEST(Sweep, of_sets_of_one_path_is_named_by_it) {
  EXPECT_EQ(points_of(read_sweep("  - - {label: w, set: {restore.init: wiener}}\n"
                                 "    - {label: z, set: {restore.init: zero}}\n")),
            "init=w: 0.1 0.7 wiener\ninit=z: 0.1 0.7 zero\n");
}

TEST(Sweep, uses_whole_paths_where_two_end_alike) {
  const Documents documents = read_sweep("  - {restore.lambda: [1]}\n  - {camera.lambda: [2]}\n");
  EXPECT_EQ(documents.points[0].label, "restore.lambda=1,camera.lambda=2");
}

TEST(Sweep, gives_labels_that_are_names_of_folders_and_differ) {
  const Documents documents = read_sweep("  - {restore.init: [{a: b/c}, '../x', a_b_c, '']}\n");
  ASSERT_EQ(documents.points.size(), 4u);
  EXPECT_EQ(documents.points[0].label, "init=a_b_c");
  EXPECT_EQ(documents.points[1].label, "init=_.._x");
  EXPECT_EQ(documents.points[2].label, "init=a_b_c+2");
  EXPECT_EQ(documents.points[3].label, "init=value");
  EXPECT_EQ(documents.points[0].labels[0].second, "{a: b/c}");
}

TEST(Sweep, loses_to_the_command_line) {
  EXPECT_EQ(points_of(read_sweep("  - {restore.lambda: [0.1, 0.5]}\n", {"restore.lambda=9"})),
            "lambda=0.1: 0.1 9 wiener\nlambda=0.5: 0.1 9 wiener\n");
}

TEST(Sweep, takes_its_values_from_variables) {
  EXPECT_EQ(points_of(read_sweep("  - {restore.lambda: '${values}'}\n")),
            "lambda=1: 0.1 1 wiener\nlambda=2: 0.1 2 wiener\n");
  EXPECT_EQ(
      read_sweep("  - {restore.lambda: '${values}'}\n", {"vars.values=[1, 2, 3]"}).points.size(),
      3u);
}

TEST(Sweep, reports_a_fault_of_all_points_once) {
  EXPECT_EQ(points_of(read_sweep("  - {restore.lambda: [1, 2]}\n  - {restoer.init: [a, b]}\n")),
            "8:6: 'restoer.init' sets nothing: there is no node 'restoer'; did you mean "
            "'restore'?\n");
}

TEST(Sweep, of_the_wrong_form_says_what_is_expected) {
  EXPECT_EQ(points_of(read_sweep("  {restore.lambda: [1]}\n")),
            "7:3: 'sweep': expected a list of axes such as [{restore.lambda: [0.1, 1]}], found a "
            "map\n");
  EXPECT_EQ(points_of(read_sweep("  - {restore.lambda: 3}\n")),
            "7:22: 'sweep': expected a list of values for 'restore.lambda', found '3'\n");
  EXPECT_EQ(
      points_of(read_sweep("  - - {label: a}\n")),
      "7:7: 'sweep': expected {label: NAME, set: {PATH: value}}, found a map without 'set'\n");
  EXPECT_EQ(points_of(read_sweep("  - - {label: a, set: {camera.noise: 1}}\n"
                                 "    - {label: a, set: {camera.noise: 2}}\n")),
            "8:7: 'sweep': the label 'a' stands in this axis already\n");
  EXPECT_EQ(points_of(read_sweep("  - {camera.noise: [1]}\n  - {camera.noise: [2]}\n")),
            "8:6: 'sweep': 'camera.noise' is set by another axis already\n");
}

TEST(Sweep, leaves_settings_alone) {
  EXPECT_EQ(points_of(read_sweep("  - {settings.seed: [1, 2]}\n")),
            "7:6: 'sweep': settings hold for the whole run, and cannot be swept; found "
            "'settings.seed'\n");
  const Documents documents = read(
      "pellucid: 1\nsettings: {seed: '${s}'}\nvars: {s: 1}\nnodes: {n: {use: a/b}}\n"
      "sweep: [{vars.s: [1, 2]}]\n");
  EXPECT_EQ(problems_of(documents),
            "2:11: 'settings' hold for the whole run, but here they change with a variable that is "
            "swept\n");
}

TEST(Sweep, has_its_limits) {
  std::string sweep;
  for (int i = 0; i < 30; ++i) sweep += "  - {restore.p" + std::to_string(i) + ": [1, 2]}\n";
  EXPECT_EQ(points_of(read_sweep(sweep)),
            "7:3: 'sweep': the axes have more than 4096 points together\n");
}

}  // namespace
}  // namespace pellucid
