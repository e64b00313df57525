#include <gtest/gtest.h>

#include <memory>

#include "pipeline/document.h"

namespace pellucid {
namespace {

Problem problem(int line, int column, const std::string& sentence, bool unreadable = false) {
  static const auto file = std::make_shared<const std::string>("deblur.yaml");
  return {{file, line, column}, "", "", sentence, unreadable};
}

// The form of style page 2.7.
TEST(Report, quotes_the_line_with_a_caret_below_the_place) {
  const std::string text =
      "pellucid: 1\n"
      "nodes:\n"
      "  blur: {use: operators/gaussian_blur, with: {sigma: -1}}\n";
  Problem wrong = problem(3, 54, "'sigma' must be in [0, inf], got -1");
  wrong.node = "blur";
  wrong.component = "operators/gaussian_blur";
  EXPECT_EQ(report_of({wrong}, {{"deblur.yaml", text}}),
            "deblur.yaml:3:54: node 'blur' (operators/gaussian_blur): 'sigma' must be in [0, inf], "
            "got -1\n"
            "  blur: {use: operators/gaussian_blur, with: {sigma: -1}}\n"
            "                                                     ^\n"
            "1 error; nothing was run\n");
}

TEST(Report, indents_every_quoted_line_by_two) {
  EXPECT_EQ(report_of({problem(1, 9, "wrong")}, {{"deblur.yaml", "      a: b\n"}}),
            "deblur.yaml:1:9: wrong\n  a: b\n    ^\n1 error; nothing was run\n");
}

TEST(Report, counts_characters_and_shows_tabs_as_spaces) {
  EXPECT_EQ(report_of({problem(1, 6, "wrong")}, {{"deblur.yaml", "µ:\täöü"}}),
            "deblur.yaml:1:6: wrong\n  µ: äöü\n       ^\n1 error; nothing was run\n");
}

TEST(Report, shows_the_surroundings_of_a_place_in_a_long_line) {
  const std::string report =
      report_of({problem(1, 501, "wrong")},
                {{"deblur.yaml", std::string(500, 'a') + "X" + std::string(500, 'b')}});
  EXPECT_EQ(report, "deblur.yaml:1:501: wrong\n  …" + std::string(50, 'a') + "X" +
                        std::string(49, 'b') + "…\n" + std::string(53, ' ') +
                        "^\n1 error; nothing was run\n");
}

TEST(Report, stands_in_the_order_of_files_lines_and_columns) {
  Problem other = problem(1, 1, "in the included file");
  other.where.file = std::make_shared<const std::string>("optics.yaml");
  const std::string report =
      report_of({other, problem(2, 3, "third"), problem(2, 1, "second"), problem(1, 1, "first")},
                {{"deblur.yaml", ""}, {"optics.yaml", ""}});
  EXPECT_EQ(report,
            "deblur.yaml:1:1: first\ndeblur.yaml:2:1: second\ndeblur.yaml:2:3: third\n"
            "optics.yaml:1:1: in the included file\n4 errors; nothing was run\n");
}

TEST(Report, says_the_same_once) {
  EXPECT_EQ(in_file_order({problem(1, 1, "a"), problem(1, 1, "a"), problem(1, 1, "b")}, {}).size(),
            2u);
}

TEST(Report, leaves_out_what_repeats_that_a_value_is_unreadable) {
  const auto kept =
      in_file_order({problem(1, 1, "undefined variable", true), problem(1, 1, "expected a number"),
                     problem(1, 2, "another place")},
                    {});
  ASSERT_EQ(kept.size(), 2u);
  EXPECT_EQ(kept[0].sentence, "undefined variable");
  EXPECT_EQ(kept[1].sentence, "another place");
}

TEST(Report, is_text_even_about_bytes_that_are_none) {
  EXPECT_EQ(report_of({problem(1, 2, "not UTF-8")}, {{"deblur.yaml", "a\xE4z"}}),
            "deblur.yaml:1:2: not UTF-8\n  a\uFFFDz\n   ^\n1 error; nothing was run\n");
}

}  // namespace
}  // namespace pellucid
