#include <gtest/gtest.h>

#include "framework/pipeline/reading.h"

namespace pellucid {
namespace {

using testing::parameter;
using testing::problems_of;
using testing::read;
using testing::read_nodes;

/// The parameter `p` of a node, in a pipeline with these variables and this environment.
Documents read_parameter(const std::string& p, const std::string& vars = "{}",
                         const testing::Environment& environment = {}) {
  return read("pellucid: 1\nvars: " + vars + "\nnodes:\n  n: {use: a/b, with: {p: " + p + "}}\n",
              {}, environment);
}

TEST(Substitution, takes_the_variable_then_the_environment_then_the_default) {
  const testing::Environment environment{{"x", "environment"}, {"EMPTY", ""}};
  const auto text = [&](const std::string& p, const std::string& vars) {
    return parameter(read_parameter(p, vars, environment), "p").text();
  };
  EXPECT_EQ(text("'${x:-default}'", "{x: variable}"), "variable");
  EXPECT_EQ(text("'${x:-default}'", "{}"), "environment");
  EXPECT_EQ(text("'${y:-default}'", "{}"), "default");
  EXPECT_EQ(text("'${y:-}'", "{}"), "");
  EXPECT_EQ(text("'${EMPTY:-default}'", "{}"), "default");
  EXPECT_EQ(text("'${x:-default}'", "{x: }"), "environment");
}

TEST(Substitution, stands_anywhere_in_a_text_and_in_defaults) {
  EXPECT_EQ(parameter(read_parameter("'a${x}b${y}c'", "{x: 1, y: 2}"), "p").text(), "a1b2c");
  EXPECT_EQ(parameter(read_parameter("'${a:-${b:-${x}}}'", "{x: deep}"), "p").text(), "deep");
}

TEST(Substitution, of_two_dollars_leaves_one_and_does_nothing) {
  EXPECT_EQ(parameter(read_parameter("'$${x} costs $5'"), "p").text(), "${x} costs $5");
}

TEST(Substitution, that_is_the_whole_scalar_takes_lists_and_maps) {
  const Documents documents =
      read_parameter("'${kernel}'", "{kernel: {gaussian: {std: '${s}'}}, s: 3}");
  EXPECT_EQ(problems_of(documents), "");
  EXPECT_EQ(parameter(documents, "p").flow(), "{gaussian: {std: 3}}");
}

TEST(Substitution, has_the_place_of_the_scalar_that_it_stands_in) {
  const Value value = parameter(read_parameter("'${x}'", "{x: abc}"), "p");
  EXPECT_EQ(value.where().text(), "test.yaml:4:27");
}

TEST(Substitution, does_not_depend_on_the_order_of_variables) {
  EXPECT_EQ(parameter(read_parameter("'${a}'", "{a: '${b}/x', b: '${c}', c: data}"), "p").text(),
            "data/x");
}

TEST(Substitution, of_an_expression_into_another_counts_as_a_whole) {
  const auto number = [](const std::string& p, const std::string& vars) {
    return number_of(parameter(read_parameter(p, vars), "p"));
  };
  EXPECT_EQ(number("'2/${x}'", "{x: 1+1}"), 1);
  EXPECT_EQ(number("'${x}^2'", "{x: -3}"), 9);
  EXPECT_EQ(number("'10-${y}'", "{x: 1+1, y: '${x}*2'}"), 6);
  EXPECT_EQ(integer_of(parameter(read_parameter("'${m}/2'", "{m: 4 GiB}"), "p"), "B"),
            std::int64_t{2} << 30);
}

TEST(Substitution, leaves_text_as_it_is_written) {
  EXPECT_EQ(parameter(read_parameter("'2/${x}'", "{x: 1+1}"), "p").text(), "2/1+1");
  EXPECT_EQ(parameter(read_parameter("'run_${x}'", "{x: 1/2}"), "p").text(), "run_1/2");
}

TEST(Substitution, reports_a_variable_once_however_often_it_is_used) {
  EXPECT_EQ(
      problems_of(read_parameter("['${a}', '${a}', 'x${a}']", "{a: '${b}', b: '${nope}'}")),
      "2:22: the variable 'nope' is not defined, neither under 'vars' nor in the environment; "
      "\"${nope:-VALUE}\" would give it a default\n");
}

TEST(Substitution, of_a_list_into_a_text_is_refused) {
  EXPECT_EQ(problems_of(read_parameter("'a${x}'", "{x: [1]}")),
            "4:27: node 'n': 'p': 'x' is a list and cannot stand inside a longer text\n");
}

TEST(Substitution, names_the_circle_of_variables) {
  EXPECT_EQ(problems_of(read_parameter("'${a}'", "{a: '${b}', b: '${c}', c: '${a}'}")),
            "2:11: variables refer to each other in a circle: 'a' -> 'b' -> 'c' -> 'a'\n");
  EXPECT_EQ(problems_of(read_parameter("1", "{a: {x: ['${a}']}}")),
            "2:11: the variable 'a' refers to itself\n");
}

TEST(RelativePath, starts_from_the_file_where_its_beginning_is_written) {
  const testing::Environment environment{{"DATA", "photos"}};
  const auto path = [&](const std::string& p, const std::string& vars = "{}") {
    return absolute_path(parameter(read_parameter(p, vars, environment), "p"));
  };
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(path("set/*.png"), "/somewhere/set/*.png");
  EXPECT_EQ(path("../set/a.h5:/x"), "/set/a.h5:/x");
  EXPECT_EQ(path("/abs/a.png"), "/abs/a.png");
  EXPECT_EQ(path("'${DATA}/a.png'"), here + "/photos/a.png");
  EXPECT_EQ(path("'${OTHER:-data}/a.png'"), "/somewhere/data/a.png");
  EXPECT_EQ(path("'sub/${DATA}'"), "/somewhere/sub/photos");
  EXPECT_EQ(path("'${dir}/a.png'", "{dir: '${DATA}'}"), here + "/photos/a.png");
}

TEST(RelativePath, of_the_command_line_starts_from_the_working_directory) {
  const std::string text =
      "pellucid: 1\nvars: {dir: data}\nnodes:\n  n: {use: a/b, with: {p: '${dir}/x'}}\n";
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(absolute_path(parameter(read(text), "p")), "/somewhere/data/x");
  EXPECT_EQ(absolute_path(parameter(read(text, {"vars.dir=mine"}), "p")), here + "/mine/x");
  EXPECT_EQ(absolute_path(parameter(read(text, {"n.p=mine/x"}), "p")), here + "/mine/x");
}

}  // namespace
}  // namespace pellucid
