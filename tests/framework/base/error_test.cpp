#include <pellucid/error.h>

#include <gtest/gtest.h>

#include <memory>

namespace pellucid {
namespace {

SourceLocation place(int line, int column) {
  return {std::make_shared<const std::string>("deblur.yaml"), line, column};
}

TEST(SourceLocation, says_file_line_and_column) {
  EXPECT_EQ(place(7, 54).text(), "deblur.yaml:7:54");
}

TEST(SourceLocation, without_a_line_means_the_whole_file) {
  EXPECT_EQ(place(0, 0).text(), "deblur.yaml");
}

TEST(SourceLocation, without_a_file_is_in_code) { EXPECT_EQ(SourceLocation{}.text(), "<code>"); }

TEST(Error, is_its_sentence_where_nothing_else_is_known) {
  const Error error("the moon is full");
  EXPECT_STREQ(error.what(), "the moon is full");
}

TEST(Error, names_place_node_and_component_once_they_are_known) {
  ShapeError error("'sigma' must be in [0, inf], got -1");
  error.attribute(place(7, 54), "blur", "operators/gaussian_blur");
  EXPECT_STREQ(error.what(),
               "deblur.yaml:7:54: node 'blur' (operators/gaussian_blur): 'sigma' must be in "
               "[0, inf], got -1");
  EXPECT_EQ(error.sentence(), "'sigma' must be in [0, inf], got -1");
}

TEST(Error, keeps_what_it_knew_first) {
  ConfigError error("wrong", place(7, 54));
  error.attribute(place(1, 1), "blur", "operators/convolution");
  error.attribute(place(2, 2), "camera", "operators/measure");
  EXPECT_STREQ(error.what(), "deblur.yaml:7:54: node 'blur' (operators/convolution): wrong");
}

TEST(Error, is_caught_as_what_it_is_and_as_its_base) {
  EXPECT_THROW(throw PluginError("gone"), Error);
  EXPECT_THROW(throw PipelineErrors({}, "report", false), ConfigError);
}

TEST(PipelineErrors, say_the_whole_report) {
  const PipelineErrors errors({{place(1, 2), "", "", "one"}, {place(3, 4), "", "", "two"}},
                              "the report", true);
  EXPECT_STREQ(errors.what(), "the report");
  EXPECT_EQ(errors.problems().size(), 2u);
  EXPECT_EQ(errors.where().line, 1);
  EXPECT_TRUE(errors.plugins_missing());
}

TEST(NearestName, finds_typing_errors) {
  const std::vector<std::string> known{"iterations", "lambda", "sigma"};
  EXPECT_EQ(nearest_name("iteratons", known), "iterations");  // a letter is missing
  EXPECT_EQ(nearest_name("lamdba", known), "lambda");         // two are swapped
  EXPECT_EQ(nearest_name("Sigma", known), "sigma");           // upper case
  EXPECT_EQ(nearest_name("iter", known), "iterations");       // abbreviated
}

TEST(NearestName, stays_silent_where_nothing_is_near) {
  const std::vector<std::string> known{"iterations", "lambda", "sigma"};
  EXPECT_EQ(nearest_name("boundary", known), "");
  EXPECT_EQ(nearest_name("x", {"y"}), "");
  EXPECT_EQ(nearest_name("", known), "");
  EXPECT_EQ(nearest_name("sigma", {}), "");
}

TEST(NearestName, does_not_guess_between_two_that_an_abbreviation_fits) {
  EXPECT_EQ(nearest_name("kern", {"kernel_shape", "kernel_width"}), "");
}

TEST(Listed, reads_like_a_sentence) {
  EXPECT_EQ(listed({}), "nothing");
  EXPECT_EQ(listed({"a"}), "'a'");
  EXPECT_EQ(listed({"a", "b"}), "'a' and 'b'");
  EXPECT_EQ(listed({"a", "b", "c"}), "'a', 'b' and 'c'");
}

}  // namespace
}  // namespace pellucid
