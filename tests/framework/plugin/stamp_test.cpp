#include "plugin/stamp.h"

#include <gmock/gmock.h>

namespace pellucid {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kHost = "pellucid-plugin:abi=1;sdk=c8cc5d14ea02;torch=2.13.0+cpu;";

TEST(Stamp, names_the_field_that_differs_with_both_sides) {
  EXPECT_EQ(stamp_fault(kHost, "pellucid-plugin:abi=1;sdk=ff0042607cd9;torch=2.13.0+cpu;"),
            "was built for another Pellucid; rebuild it against this one\n"
            "  sdk: host c8cc5d14ea02, plugin ff0042607cd9");
}

TEST(Stamp, lists_every_field_that_differs) {
  EXPECT_EQ(stamp_fault(kHost, "pellucid-plugin:abi=1;sdk=ff0042607cd9;torch=2.6.0;"),
            "was built for another Pellucid; rebuild it against this one\n"
            "  sdk: host c8cc5d14ea02, plugin ff0042607cd9\n"
            "  torch: host 2.13.0+cpu, plugin 2.6.0");
}

TEST(Stamp, says_that_the_host_is_to_be_updated_where_the_plugin_is_newer) {
  EXPECT_THAT(stamp_fault(kHost, "pellucid-plugin:abi=2;sdk=c8cc5d14ea02;torch=2.13.0+cpu;"),
              StartsWith("was built for a newer Pellucid; update this one"));
}

TEST(Stamp, of_equal_sides_has_no_fault) { EXPECT_EQ(stamp_fault(kHost, kHost), ""); }

TEST(Stamp, names_fields_that_only_one_side_has) {
  const std::string more = std::string(kHost) + "newlib=3;";
  EXPECT_THAT(stamp_fault(kHost, more), HasSubstr("newlib: host has none, plugin 3"));
  EXPECT_THAT(stamp_fault(more, kHost), HasSubstr("newlib: host 3, plugin has none"));
}

TEST(Stamp, of_this_library_has_all_fields) {
  for (const char* field :
       {"abi=", ";sdk=", ";torch=", ";compiler=", ";cxx11abi=", ";checked_stl="})
    EXPECT_THAT(std::string(host_stamp()), HasSubstr(field));
}

TEST(Stamp, is_found_wherever_it_stands_in_a_file) {
  const std::string stamp = kHost;
  const std::string bytes = std::string(
                                "\x7f"
                                "ELF\0\0",
                                6) +
                            "pellucid-plugin:" + '\0' + stamp + '\0' + "rest";
  EXPECT_EQ(find_stamp(bytes), stamp);
}

TEST(Stamp, that_is_cut_off_is_none) {
  EXPECT_EQ(find_stamp(kHost), std::nullopt);
  EXPECT_EQ(find_stamp(std::string("pellucid-plugin:abi=1;sdk=ff") + '\0'), std::nullopt);
  EXPECT_EQ(find_stamp(""), std::nullopt);
}

}  // namespace
}  // namespace pellucid
