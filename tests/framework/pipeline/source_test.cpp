#include "pipeline/source.h"

#include <gtest/gtest.h>

namespace pellucid {
namespace {

std::string refusal(const std::string& text) {
  Findings findings;
  if (check_text(Source("t.yaml", text, ""), findings)) return "no error";
  const auto problems = findings.take();
  return problems[0].where.text() + ": " + problems[0].sentence;
}

TEST(Source, gives_places_that_lie_inside_the_text) {
  const Source source("t.yaml", "ab\ncde\n", "");
  EXPECT_EQ(source.place(0, 1).text(), "t.yaml:1:2");
  EXPECT_EQ(source.place(1, 99).text(), "t.yaml:2:4");
  EXPECT_EQ(source.place(2, 0).text(), "t.yaml:2:4");
  EXPECT_EQ(source.place(-1, -1).text(), "t.yaml:2:4");
  EXPECT_EQ(Source("t.yaml", "", "").place(0, 0).text(), "t.yaml:1:1");
}

TEST(Source, finds_the_place_of_a_byte) {
  const Source source("t.yaml", "ä\nöb\n", "");
  EXPECT_EQ(source.place_of_byte(0).text(), "t.yaml:1:1");
  EXPECT_EQ(source.place_of_byte(5).text(), "t.yaml:2:2");
}

TEST(Source, places_carry_the_folder_of_the_file) {
  EXPECT_EQ(*Source("t.yaml", "a", "/data").place(0, 0).folder, "/data");
  EXPECT_EQ(Source("--set", "a", "").place(0, 0).folder, nullptr);
}

TEST(CheckText, accepts_text_of_all_alphabets) {
  EXPECT_EQ(refusal("pellucid: 1  # größe 大きさ 📷\n"), "no error");
}

// The sequences of Unicode 15, table 3-7, one step beyond each limit.
TEST(CheckText, refuses_what_is_not_utf8) {
  for (const char* const bytes :
       {"\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xE2\x82", "\xC3("})
    EXPECT_NE(refusal(std::string("ab") + bytes).find("t.yaml:1:3: the byte 0x"),
              std::string::npos);
  for (const char* const bytes :
       {"\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(refusal(bytes), "no error");
}

TEST(CheckText, refuses_a_latin_1_file_at_the_byte) {
  EXPECT_EQ(refusal("a: 1\nb: gr\xF6\xDF"
                    "e\n"),
            "t.yaml:2:6: the byte 0xF6 is not UTF-8 text; save the file as UTF-8");
}

TEST(CheckText, says_what_a_file_is_if_it_is_none) {
  using namespace std::string_literals;
  EXPECT_EQ(
      refusal("\x89HDF\r\n\x1A\n\0\0"s),
      "t.yaml: a pipeline is a YAML file; this is an HDF5 file; `pellucid info` shows what it "
      "holds");
  EXPECT_EQ(refusal("\xFF\xFEp\0e\0"s),
            "t.yaml: a pipeline is a YAML file; this is UTF-16 text; save it as UTF-8");
  EXPECT_EQ(refusal("a: b\0c"s),
            "t.yaml:1:5: this is no text file: it holds a byte that is zero; a pipeline is a YAML "
            "file, plain text");
  EXPECT_EQ(refusal("a: \x1B[31m"),
            "t.yaml:1:4: the control character 0x1B has no place in a pipeline; remove it");
}

TEST(CheckText, refuses_tabs_only_where_they_indent) {
  EXPECT_EQ(refusal("a: 1\t# one\n\t\n \t# comment\n"), "no error");
  EXPECT_EQ(refusal("a:\n \tb: 1\n\tc: 2\n"),
            "t.yaml:2:2: this line is indented with a tab; YAML is indented with spaces (2 lines "
            "have tabs)");
}

TEST(CheckText, refuses_too_much_text) {
  EXPECT_EQ(refusal(std::string(kMostBytesOfAFile, '#')), "no error");
  EXPECT_EQ(refusal(std::string(kMostBytesOfAFile + 1, '#')),
            "t.yaml: the text is too large for a pipeline: it has 2097153 bytes, at most 2097152 "
            "are read");
}

TEST(ReadSource, refuses_what_is_no_file) {
  const auto reason = [](const std::string& path) {
    Findings findings;
    EXPECT_FALSE(read_source(path, path, std::nullopt, findings).has_value());
    const auto problems = findings.take();
    return problems[0].where.text() + ": " + problems[0].sentence;
  };
  EXPECT_EQ(reason("/nowhere/a.yaml"), "/nowhere/a.yaml: the file does not exist");
  EXPECT_EQ(reason("/tmp"), "/tmp: the file is a folder, not a pipeline");
  EXPECT_EQ(reason("/dev/null"), "/dev/null: the file cannot be read: it is no file");
}

}  // namespace
}  // namespace pellucid
