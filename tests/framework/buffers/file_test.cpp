#include "buffers/file.h"

#include <sys/resource.h>

#include <csignal>
#include <fstream>

#include <gmock/gmock.h>

#include <pellucid/error.h>
#include <pellucid/testing.h>

#include "base/disk.h"
#include "base/temporary_folder.h"
#include "framework/buffers/small_disk.h"

namespace pellucid {
namespace {

using ::pellucid::testing::message_of;
using ::pellucid::testing::SmallDisk;
using ::testing::HasSubstr;

std::string contents(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(File, writes_and_reads_at_places) {
  const TemporaryFolder folder;
  const File file(folder / "x", File::Mode::create);
  file.write("world", 5, 6);
  file.write("hello ", 6, 0);
  EXPECT_EQ(contents(folder / "x"), "hello world");
  std::string part(5, ' ');
  file.read(part.data(), 5, 6);
  EXPECT_EQ(part, "world");
  EXPECT_EQ(file.size(), 11);
}

TEST(File, says_where_a_truncated_file_ends) {
  const TemporaryFolder folder;
  const File file(folder / "x", File::Mode::create);
  file.write("abc", 3, 0);
  std::string part(8, ' ');
  EXPECT_EQ(message_of<Error>([&] { file.read(part.data(), 8, 0); }),
            "'" + (folder / "x").string() + "' is truncated: 5 B are missing at byte 3");
}

TEST(File, creates_only_what_is_not_there) {
  const TemporaryFolder folder;
  const auto path = folder / "x";
  { const File file(path, File::Mode::create); }
  EXPECT_EQ(message_of<Error>([&] { File(path, File::Mode::create); }),
            "cannot create '" + path.string() + "': File exists");
  EXPECT_EQ(message_of<Error>([&] { File(folder / "none", File::Mode::read); }),
            "cannot open '" + (folder / "none").string() + "': No such file or directory");
}

TEST(File, says_that_a_folder_cannot_be_written) {
  const SmallDisk disk("64k");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  disk.make_read_only();
  EXPECT_EQ(message_of<Error>([&] { File(disk / "x", File::Mode::create); }),
            "cannot create '" + (disk / "x").string() + "': the file system is read-only");
}

TEST(File, says_how_much_a_full_disk_has_and_what_to_do) {
  const SmallDisk disk("64k");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  const File file(disk / "x", File::Mode::create);
  const std::string bytes(128 * 1024, 'x');
  const std::string message =
      message_of<Error>([&] { file.write(bytes.data(), std::ssize(bytes), 0); });
  EXPECT_THAT(message,
              HasSubstr("to '" + (disk / "x").string() + "': the disk is full (0 B free)"));
  EXPECT_THAT(message, HasSubstr("--scratch"));
}

TEST(File, reserves_space_or_says_what_is_missing) {
  const SmallDisk disk("256k");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  const File file(disk / "x", File::Mode::create);
  file.reserve(128 * 1024);
  EXPECT_EQ(file.size(), 128 * 1024);
  EXPECT_LE(free_disk(disk / "x"), 128 * 1024);
  const std::string message = message_of<Error>([&] { file.reserve(1 << 30); });
  EXPECT_THAT(message, HasSubstr("not enough space for '" + (disk / "x").string() +
                                 "': it needs 1 GiB, the disk has "));
}

TEST(File, says_that_the_system_limits_file_sizes) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const TemporaryFolder folder;
  const File file(folder / "x", File::Mode::create);
  const rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string bytes(8192, 'x');
  const std::string message =
      message_of<Error>([&] { file.write(bytes.data(), std::ssize(bytes), 0); });
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_THAT(message, HasSubstr("the file would be larger than the system allows"));
}

TEST(File, an_append_that_fails_leaves_nothing_behind) {
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const TemporaryFolder folder;
  const File file(folder / "x", File::Mode::append);
  file.append("first\n");
  const rlimit small{10, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  EXPECT_THROW(file.append("a longer second line\n"), Error);
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(contents(folder / "x"), "first\n");
}

TEST(WriteText, replaces_the_whole_file) {
  const TemporaryFolder folder;
  write_text(folder / "x", "first");
  write_text(folder / "x", "second");
  EXPECT_EQ(contents(folder / "x"), "second");
  EXPECT_EQ(read_text(folder / "x"), "second");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace pellucid
