#include "base/bytes.h"

#include <gtest/gtest.h>

namespace pellucid {
namespace {

TEST(Bytes, take_the_unit_that_fits_and_three_digits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(999), "999 B");
  EXPECT_EQ(bytes_text(1023), "1 KiB");
  EXPECT_EQ(bytes_text(1536), "1.5 KiB");
  EXPECT_EQ(bytes_text(std::int64_t{12345} << 10), "12.1 MiB");
  EXPECT_EQ(bytes_text(std::int64_t{4} << 30), "4 GiB");
  EXPECT_EQ(bytes_text((std::int64_t{1} << 20) - 1), "1 MiB");
}

}  // namespace
}  // namespace pellucid
