// `--items A:B`.

#include "cli/item_range.h"

#include <gtest/gtest.h>

#include "cli/arguments.h"

namespace pellucid {
namespace {

TEST(ItemRange, is_two_whole_numbers_of_which_the_second_is_excluded) {
  EXPECT_EQ(item_range("0:4"), (std::pair<std::int64_t, std::int64_t>{0, 4}));
  EXPECT_EQ(item_range("17:18"), (std::pair<std::int64_t, std::int64_t>{17, 18}));
}

TEST(ItemRange, is_empty_where_none_was_given) { EXPECT_EQ(item_range(""), std::nullopt); }

TEST(ItemRange, refuses_everything_else) {
  for (const char* text : {"4", "4:", ":4", "4:4", "5:4", "-1:4", "a:b", "0:4:8", "0:4 ", "0 :4",
                           "0:99999999999999999999"})
    EXPECT_THROW(item_range(text), UsageError) << text;
}

}  // namespace
}  // namespace pellucid
