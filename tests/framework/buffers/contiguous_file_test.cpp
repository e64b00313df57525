#include "buffers/contiguous_file.h"

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <pellucid/error.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "buffers/checksum.h"
#include "buffers/journal.h"
#include "framework/buffers/plain_hdf5.h"
#include "framework/buffers/small_disk.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using ::pellucid::testing::message_of;
using ::pellucid::testing::plain_read;
using ::pellucid::testing::plain_text;
using ::pellucid::testing::SmallDisk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ArrayLayout floats(const std::string& path, std::vector<std::int64_t> shape) {
  return {path, at::kFloat, std::move(shape), {}};
}

TEST(ContiguousFile, what_it_writes_other_programs_read) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  const auto file = ContiguousFile::create(
      path, {{"/restore/mean", at::kFloat, {2, 3}, {{"unit", std::string("photon")}}},
             {"/restore/count", at::kInt, {4}, {}}});
  file.write(1, 1, at::tensor({7, 8}, at::kInt));
  file.write(0, 0, at::arange(6, at::kFloat).view({2, 3}));
  EXPECT_THAT(plain_read<float>(path, "/restore/mean", H5T_NATIVE_FLOAT),
              ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(plain_read<int>(path, "/restore/count", H5T_NATIVE_INT), ElementsAre(0, 7, 8, 0));
  EXPECT_EQ(plain_text(path, "/restore/mean", "unit"), "photon");
}

TEST(ContiguousFile, every_dtype_is_what_other_programs_expect) {
  const TemporaryFolder folder;
  for (const at::ScalarType dtype :
       {at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kUInt16, at::kUInt32, at::kHalf,
        at::kBFloat16, at::kFloat, at::kDouble}) {
    const auto path = folder / (dtype_name(dtype) + ".h5");
    const auto file = ContiguousFile::create(path, {{"/x", dtype, {3}, {}}});
    file.write(0, 0, at::tensor({1.0, 2.0, 100.0}).to(dtype));
    EXPECT_THAT(plain_read<double>(path, "/x", H5T_NATIVE_DOUBLE), ElementsAre(1, 2, 100))
        << dtype_name(dtype);
  }
}

TEST(ContiguousFile, truth_values_and_complex_numbers_are_as_in_h5py) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  const auto file = ContiguousFile::create(
      path, {{"/b", at::kBool, {3}, {}}, {"/c", at::kComplexDouble, {2}, {}}});
  file.write(0, 0, at::tensor({1, 0, 1}).to(at::kBool));
  file.write(
      1, 0, at::complex(at::tensor({1.0, 2.0}, at::kDouble), at::tensor({-1.0, 5.0}, at::kDouble)));

  const hid_t pair = H5Tcreate(H5T_COMPOUND, 16);
  H5Tinsert(pair, "r", 0, H5T_NATIVE_DOUBLE);
  H5Tinsert(pair, "i", 8, H5T_NATIVE_DOUBLE);
  EXPECT_THAT(plain_read<double>(path, "/c", pair), ElementsAre(1, -1, 2, 5));
  H5Tclose(pair);
  const hid_t truth = H5Tenum_create(H5T_NATIVE_INT8);
  signed char value = 1;
  H5Tenum_insert(truth, "TRUE", &value);
  value = 0;
  H5Tenum_insert(truth, "FALSE", &value);
  EXPECT_THAT(plain_read<signed char>(path, "/b", truth), ElementsAre(1, 0, 1));
  H5Tclose(truth);
}

TEST(ContiguousFile, refuses_what_hdf5_cannot_hold) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<Error>([&] {
                ContiguousFile::create(folder / "x.h5", {{"/x", at::kComplexHalf, {3}, {}}});
              }),
              HasSubstr("cannot be stored in HDF5"));
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(ContiguousFile, texts_have_a_fixed_length) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  const auto file = ContiguousFile::create(path, {{"/names", ElementType::text(5), {2}, {}}});
  file.write_bytes(0, 1, 1, "blur\0");
  const hid_t text = H5Tcopy(H5T_C_S1);
  H5Tset_size(text, 5);
  H5Tset_strpad(text, H5T_STR_NULLPAD);
  H5Tset_cset(text, H5T_CSET_UTF8);
  const auto bytes = plain_read<char>(path, "/names", text);
  H5Tclose(text);
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), std::string("\0\0\0\0\0blur\0", 10));
}

TEST(ContiguousFile, h5dump_reads_it) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  const auto file = ContiguousFile::create(
      path, {{"/a/x",
              at::kHalf,
              {2},
              {{"spacing", std::vector<double>{0.5, 2}}, {"n", std::int64_t{3}}}}});
  file.write(0, 0, at::tensor({1.5, -2.0}).to(at::kHalf));
  const std::string command =
      "h5dump " + path.string() + " > " + (folder / "dump").string() + " 2>&1";
  if (std::system(("which h5dump > /dev/null 2>&1")) != 0) GTEST_SKIP() << "no h5dump here";
  ASSERT_EQ(std::system(command.c_str()), 0);
  std::ifstream stream(folder / "dump");
  const std::string dump{std::istreambuf_iterator<char>(stream), {}};
  EXPECT_THAT(dump, HasSubstr("(0): 1.5, -2"));
  EXPECT_THAT(dump, HasSubstr("(0): 0.5, 2"));
}

TEST(ContiguousFile, a_region_of_an_item_goes_where_it_belongs) {
  const TemporaryFolder folder;
  const auto file = ContiguousFile::create(folder / "x.h5", {floats("/x", {3, 4, 5})});
  at::Tensor expected = at::zeros({3, 4, 5});
  const Region region{{1, 2}, {2, 3}, {4, 5}};
  const at::Tensor values = at::arange(6, at::kFloat).view({2, 3});
  expected.select(0, 1).narrow(0, 1, 2).narrow(1, 2, 3).copy_(values);
  file.write(0, 1, region, values);
  EXPECT_TRUE(at::equal(file.read(0, 0, 3), expected));
  EXPECT_TRUE(at::equal(file.read(0, 1, region), values));
  const Region outside{{3, 2}, {2, 3}, {4, 5}};
  EXPECT_THROW(file.write(0, 1, outside, values), ShapeError);
}

TEST(ContiguousFile, strided_tensors_are_written_in_order) {
  const TemporaryFolder folder;
  const auto file = ContiguousFile::create(folder / "x.h5", {floats("/x", {2, 3})});
  file.write(0, 0, at::arange(6, at::kFloat).view({3, 2}).t());
  EXPECT_THAT(plain_read<float>(folder / "x.h5", "/x", H5T_NATIVE_FLOAT),
              ElementsAre(0, 2, 4, 1, 3, 5));
}

TEST(ContiguousFile, refuses_tensors_that_do_not_fit) {
  const TemporaryFolder folder;
  const auto file = ContiguousFile::create(folder / "x.h5", {floats("/x", {2, 3})});
  EXPECT_THROW(file.write(0, 0, at::zeros({2, 4})), ShapeError);
  EXPECT_THROW(file.write(0, 1, at::zeros({2, 3})), ShapeError);
  EXPECT_THROW(file.write(0, 0, at::zeros({2, 3}, at::kDouble)), ShapeError);
  EXPECT_THROW(file.read(0, 1, 2), ShapeError);
}

TEST(ContiguousFile, many_threads_write_at_once) {
  const TemporaryFolder folder;
  const auto file = ContiguousFile::create(folder / "x.h5", {floats("/x", {64, 1000})});
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (std::int64_t item = thread; item < 64; item += 4)
        file.write(0, item, at::full({1, 1000}, static_cast<double>(item)));
    });
  for (auto& thread : threads) thread.join();
  const auto values = plain_read<float>(folder / "x.h5", "/x", H5T_NATIVE_FLOAT);
  for (std::size_t i = 0; i < values.size(); ++i)
    ASSERT_EQ(values[i], static_cast<float>(i / 1000));
}

TEST(ContiguousFile, an_empty_dataset_has_no_place_and_takes_nothing) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  const auto file = ContiguousFile::create(path, {floats("/none", {0, 3}), floats("/x", {1, 3})});
  EXPECT_EQ(file.offset(0), -1);
  EXPECT_GT(file.offset(1), 0);
  file.write(0, 0, at::zeros({0, 3}));
  file.write(1, 0, at::ones({1, 3}));
  EXPECT_EQ(file.read(0, 0, 0).sizes(), (at::IntArrayRef{0, 3}));
  EXPECT_THAT(plain_read<float>(path, "/x", H5T_NATIVE_FLOAT), ElementsAre(1, 1, 1));
}

TEST(ContiguousFile, goes_on_in_a_file_of_the_same_layout_only) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  const ArrayLayout array{"/x", at::kFloat, {2, 3}, {{"unit", std::string("m")}}};
  ContiguousFile::create(path, {array}).write(0, 0, at::ones({1, 3}));
  const auto again = ContiguousFile::open(path, {array});
  again.write(0, 1, at::full({1, 3}, 2.0));
  EXPECT_THAT(plain_read<float>(path, "/x", H5T_NATIVE_FLOAT), ElementsAre(1, 1, 1, 2, 2, 2));

  ArrayLayout other = array;
  other.shape = {3, 3};
  EXPECT_THAT(message_of<Error>([&] { ContiguousFile::open(path, {other}); }),
              HasSubstr("its dataset '/x' has the shape 2x3 instead of 3x3"));
  other = array;
  other.element = at::kDouble;
  EXPECT_THAT(message_of<Error>([&] { ContiguousFile::open(path, {other}); }),
              HasSubstr("holds float32 instead of float64"));
  other = array;
  other.attributes["unit"] = std::string("s");
  EXPECT_THAT(message_of<Error>([&] { ContiguousFile::open(path, {other}); }),
              HasSubstr("has other attributes"));
  other = array;
  other.path = "/y";
  EXPECT_THAT(message_of<Error>([&] { ContiguousFile::open(path, {other}); }),
              HasSubstr("has no dataset '/y'; it has '/x'"));
}

TEST(ContiguousFile, opens_a_file_as_it_is) {
  const TemporaryFolder folder;
  const std::vector<ArrayLayout> arrays{floats("/a/x", {2, 3}),
                                        {"/b", ElementType::text(4), {}, {}}};
  ContiguousFile::create(folder / "x.h5", arrays);
  const auto file = ContiguousFile::open(folder / "x.h5");
  EXPECT_EQ(file.arrays(), arrays);
  EXPECT_EQ(file.index_of("/b"), 1u);
}

TEST(ContiguousFile, says_that_a_file_is_truncated) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  ContiguousFile::create(path, {floats("/x", {1000, 3})});
  fs::resize_file(path, fs::file_size(path) - 100);
  EXPECT_THAT(message_of<Error>([&] {
                ContiguousFile::open(path, {floats("/x", {1000, 3})});
              }),
              HasSubstr("truncated"));
}

TEST(ContiguousFile, a_disk_too_small_is_found_before_anything_is_written) {
  const SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  const std::string message = message_of<Error>([&] {
    ContiguousFile::create(disk / "x.h5", {floats("/x", {1024, 1024})});
  });
  EXPECT_THAT(message, HasSubstr("it needs 4 MiB, the disk has "));
  EXPECT_FALSE(fs::exists(disk / "x.h5"));
  EXPECT_FALSE(fs::exists(disk / "x.h5.new"));
}

TEST(ContiguousFile, a_folder_that_cannot_be_written_is_named) {
  const SmallDisk disk("1m");
  if (!disk.mounted()) GTEST_SKIP() << "only the superuser can mount a disk";
  disk.make_read_only();
  EXPECT_THAT(
      message_of<Error>([&] { ContiguousFile::create(disk / "x.h5", {floats("/x", {2})}); }),
      HasSubstr("x.h5.new': the file system is read-only"));
}

TEST(ContiguousFile, arrays_larger_than_any_index_of_32_bits_are_in_the_right_place) {
  const TemporaryFolder folder;
  const std::int64_t huge = (std::int64_t{1} << 31) + 5;
  const auto file = ContiguousFile::create(folder / "x.h5",
                                           {{"/huge", at::kByte, {huge, 2}, {}}, floats("/x", {3})},
                                           {}, ContiguousFile::Space::sparse);
  EXPECT_GE(file.offset(1), file.offset(0) + 2 * huge);
  file.write(0, huge - 1, at::full({1, 2}, 9, at::kByte));
  file.write(1, 0, at::ones({3}));
  EXPECT_TRUE(
      at::equal(file.read(0, huge - 2, 2), at::tensor({0, 0, 9, 9}, at::kByte).view({2, 2})));
  EXPECT_THAT(plain_read<float>(folder / "x.h5", "/x", H5T_NATIVE_FLOAT), ElementsAre(1, 1, 1));
}

constexpr std::int64_t kBlocks = 20'000;
constexpr std::int64_t kBlockSize = 4096;

Tensor block_of(std::int64_t block) {
  return at::arange(kBlockSize, at::kFloat).add(static_cast<double>(block)).view({1, kBlockSize});
}

// The process that the next test kills: writes blocks and journals them until it dies.
TEST(Child, DISABLED_writes_blocks) {
  const fs::path folder = std::getenv("PELLUCID_TEST_FOLDER");
  const auto file = ContiguousFile::create(folder / "x.h5", {floats("/x", {kBlocks, kBlockSize})},
                                           {}, ContiguousFile::Space::sparse);
  Journal journal(folder / "journal");
  for (std::int64_t block = 0; block < kBlocks; ++block) {
    const Tensor values = block_of(block);
    file.write(0, block, values);
    journal.stored("a", "x", block, {}, checksum(values));
  }
}

void kill_a_writer_after(const fs::path& folder, useconds_t microseconds) {
  const std::string name = "PELLUCID_TEST_FOLDER=" + folder.string();
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("PELLUCID_TEST_FOLDER", folder.c_str(), 1);
    ::close(STDOUT_FILENO);
    ::execl("/proc/self/exe", "child", "--gtest_filter=Child.*", "--gtest_also_run_disabled_tests",
            nullptr);
    ::_exit(1);
  }
  // The clock starts when it has begun to write.
  while (!fs::exists(folder / "journal")) ::usleep(1000);
  ::usleep(microseconds);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(ContiguousFile, survives_kill_9_with_every_journalled_block) {
  std::int64_t survived = 0;
  for (const useconds_t microseconds : {3'000, 20'000, 57'000, 90'000}) {
    const TemporaryFolder folder;
    kill_a_writer_after(folder.path(), microseconds);
    const auto values = plain_read<float>(folder / "x.h5", "/x", H5T_NATIVE_FLOAT);
    ASSERT_EQ(values.size(), static_cast<std::size_t>(kBlocks * kBlockSize));
    const Journal journal(folder / "journal");
    const auto file = ContiguousFile::open(folder / "x.h5", {floats("/x", {kBlocks, kBlockSize})});
    for (std::int64_t block = 0; block < kBlocks; ++block) {
      const auto entry = journal.find("a", "x", block);
      if (!entry) break;
      ++survived;
      const Tensor found = file.read(0, block, 1);
      ASSERT_EQ(checksum(found), entry->checksum);
      ASSERT_TRUE(at::equal(found, block_of(block)));
    }
  }
  EXPECT_GT(survived, 0);
}

}  // namespace
}  // namespace pellucid
