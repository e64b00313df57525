#include "base/disk.h"

#include <gtest/gtest.h>

#include "framework/buffers/small_disk.h"

namespace pellucid {
namespace {

using testing::SmallDisk;

TEST(FreeDisk, looks_at_the_nearest_parent_that_exists) {
  const SmallDisk disk("256k");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  EXPECT_GT(free_disk(disk / "not/yet/there"), 0);
  EXPECT_EQ(free_disk(disk / "not/yet/there"), free_disk(disk / "."));
  EXPECT_LE(free_disk(disk / "."), 256 << 10);
}

TEST(FreeDisk, of_no_path_is_that_of_the_working_folder) { EXPECT_GT(free_disk(""), 0); }

}  // namespace
}  // namespace pellucid
