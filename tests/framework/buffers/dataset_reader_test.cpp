#include <fstream>
#include <thread>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <pellucid/dataset.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "framework/buffers/plain_hdf5.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using ::pellucid::testing::message_of;
using ::pellucid::testing::PlainFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<float> counting(std::size_t count) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return values;
}

Tensor read_all(const DatasetAddress& address) {
  const DatasetReader reader(address);
  return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
}

/// A list of numbers in the header's order of bytes, behind a header of the given version.
void write_npy(const fs::path& path, const std::string& descr, const std::string& shape,
               const std::string& bytes, char version = 1, const std::string& order = "False") {
  std::string text =
      "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  text.resize((text.size() + 64) / 64 * 64, ' ');
  text.back() = '\n';
  std::ofstream file(path, std::ios::binary);
  file << "\x93NUMPY" << version << '\0' << static_cast<char>(text.size() % 256)
       << static_cast<char>(text.size() / 256);
  if (version > 1) file << '\0' << '\0';
  file << text << bytes;
}

TEST(DatasetAddress, splits_at_the_last_colon_before_a_slash) {
  EXPECT_EQ(DatasetAddress::parse("scan.h5:/entry/data").file, "scan.h5");
  EXPECT_EQ(DatasetAddress::parse("scan.h5:/entry/data").dataset, "/entry/data");
  EXPECT_EQ(DatasetAddress::parse("a:b/volume.npy").file, "a:b/volume.npy");
  EXPECT_EQ(DatasetAddress::parse("a:b/volume.npy").dataset, "");
}

TEST(DatasetReader, reads_slabs_of_every_layout) {
  const TemporaryFolder folder;
  const auto values = counting(6 * 40 * 50);
  const Tensor expected = at::from_blob(const_cast<float*>(values.data()), {6, 40, 50});
  {
    const PlainFile file(folder / "x.h5");
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    file.write("/contiguous", {6, 40, 50}, H5T_IEEE_F32LE, values.data());
    file.write("/big_endian", {6, 40, 50}, H5T_IEEE_F32BE, values.data(), H5P_DEFAULT,
               H5T_NATIVE_FLOAT);
    const hsize_t chunk[] = {1, 16, 50};
    H5Pset_chunk(creation, 3, chunk);
    file.write("/chunked", {6, 40, 50}, H5T_IEEE_F32LE, values.data(), creation);
    H5Pset_shuffle(creation);
    H5Pset_deflate(creation, 4);
    file.write("/deflated", {6, 40, 50}, H5T_IEEE_F32LE, values.data(), creation);
    H5Pclose(creation);
    const hid_t compact = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(compact, H5D_COMPACT);
    file.write("/compact", {10}, H5T_IEEE_F32LE, values.data(), compact);
    H5Pclose(compact);
    file.write("/never_written", {4}, H5T_IEEE_F32LE, nullptr);
  }
  for (const char* name : {"/contiguous", "/big_endian", "/chunked", "/deflated"}) {
    const DatasetReader reader({folder / "x.h5", name});
    EXPECT_EQ(reader.dtype(), at::kFloat);
    EXPECT_THAT(reader.shape(), ElementsAre(6, 40, 50));
    const Tensor slab = reader.read({2, 5, 10}, {3, 30, 20});
    EXPECT_TRUE(slab.is_contiguous());
    EXPECT_TRUE(at::equal(slab, expected.narrow(0, 2, 3).narrow(1, 5, 30).narrow(2, 10, 20)))
        << name;
    EXPECT_TRUE(at::equal(reader.read({0, 0, 0}, {6, 40, 50}), expected)) << name;
  }
  EXPECT_TRUE(at::equal(read_all({folder / "x.h5", "/compact"}), at::arange(10, at::kFloat)));
  EXPECT_TRUE(at::equal(read_all({folder / "x.h5", "/never_written"}), at::zeros(4)));
}

TEST(DatasetReader, reads_joined_files_and_says_which_one_is_missing) {
  const TemporaryFolder folder;
  const auto values = counting(12);
  for (const char* name : {"a.h5", "b.h5"})
    PlainFile(folder / name).write("/x", {2, 3}, H5T_IEEE_F32LE, values.data());
  {
    const PlainFile file(folder / "joined.h5");
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t whole[] = {4, 3}, part[] = {2, 3};
    const hid_t space = H5Screate_simple(2, whole, nullptr),
                source = H5Screate_simple(2, part, nullptr);
    for (const hsize_t first : {0, 2}) {
      const hsize_t offset[] = {first, 0};
      H5Sselect_hyperslab(space, H5S_SELECT_SET, offset, nullptr, part, nullptr);
      H5Pset_virtual(creation, space, first == 0 ? "a.h5" : "b.h5", "/x", source);
    }
    file.write("/x", {4, 3}, H5T_IEEE_F32LE, nullptr, creation);
    H5Sclose(source);
    H5Sclose(space);
    H5Pclose(creation);
  }
  EXPECT_TRUE(at::equal(read_all({folder / "joined.h5", "/x"}),
                        at::arange(6, at::kFloat).view({2, 3}).repeat({2, 1})));
  fs::remove(folder / "b.h5");
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder / "joined.h5", "/x"});
              }),
              HasSubstr("is joined from several files, and '" + (folder / "b.h5").string() +
                        "' is missing"));
}

TEST(DatasetReader, widens_unsigned_integers) {
  const TemporaryFolder folder;
  {
    const PlainFile file(folder / "x.h5");
    const std::uint16_t short_values[] = {1, 65535};
    file.write("/u2", {2}, H5T_STD_U16LE, short_values);
    file.write("/u2be", {2}, H5T_STD_U16BE, short_values, H5P_DEFAULT, H5T_NATIVE_UINT16);
    const std::uint32_t values[] = {1, 4294967295u};
    file.write("/u4", {2}, H5T_STD_U32LE, values);
    const std::uint64_t long_values[] = {1, 9223372036854775807u};
    file.write("/u8", {2}, H5T_STD_U64LE, long_values);
    const std::uint64_t too_long[] = {1, 9223372036854775808u};
    file.write("/u8_too_large", {2}, H5T_STD_U64LE, too_long);
  }
  const auto path = folder / "x.h5";
  EXPECT_TRUE(at::equal(read_all({path, "/u2"}), at::tensor({1, 65535}, at::kInt)));
  EXPECT_TRUE(at::equal(read_all({path, "/u2be"}), at::tensor({1, 65535}, at::kInt)));
  EXPECT_TRUE(at::equal(read_all({path, "/u4"}), at::tensor({1L, 4294967295L}, at::kLong)));
  EXPECT_TRUE(
      at::equal(read_all({path, "/u8"}), at::tensor({1L, 9223372036854775807L}, at::kLong)));
  EXPECT_THAT(message_of<Error>([&] {
                read_all({path, "/u8_too_large"});
              }),
              HasSubstr("do not fit into int64"));
}

TEST(DatasetReader, pairs_are_complex_and_attributes_fill_the_spec) {
  const TemporaryFolder folder;
  {
    const PlainFile file(folder / "x.h5");
    const hid_t pair = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(pair, "real", 0, H5T_IEEE_F32LE);
    H5Tinsert(pair, "imag", 4, H5T_IEEE_F32LE);
    const float values[] = {1, 2, 3, -4};
    file.write("/x", {2}, pair, values);
    H5Tclose(pair);
    file.attribute("/x", "axes", "hw");
    file.attribute("/x", "unit", "photon");
  }
  const DatasetReader reader({folder / "x.h5", "/x"});
  EXPECT_EQ(reader.dtype(), at::kComplexFloat);
  EXPECT_EQ(reader.axes(), "hw");
  EXPECT_EQ(reader.unit(), "photon");
  EXPECT_TRUE(reader.spacing().empty());
  EXPECT_TRUE(at::equal(at::view_as_real(reader.read({0}, {2})),
                        at::tensor({1., 2., 3., -4.}).to(at::kFloat).view({2, 2})));
}

TEST(DatasetReader, says_what_a_file_has_instead) {
  const TemporaryFolder folder;
  const float value = 1;
  {
    const PlainFile file(folder / "x.h5");
    H5Gclose(H5Gcreate2(file.file, "/entry", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    file.write("/entry/data", {1}, H5T_IEEE_F32LE, &value);
  }
  EXPECT_EQ(
      message_of<Error>([&] {
        DatasetReader({folder / "x.h5", "/entry/date"});
      }),
      "'" + (folder / "x.h5").string() + "' has no dataset '/entry/date'; it has '/entry/data'");
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder / "x.h5", "/entry"});
              }),
              HasSubstr("has no dataset '/entry'; it has '/entry/data'"));
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder / "x.h5", "/none/at/all"});
              }),
              HasSubstr("has no dataset '/none/at/all'"));
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder / "x.h5", ""});
              }),
              HasSubstr("it has '/entry/data'"));
  {
    const PlainFile many(folder / "many.h5");
    for (int i = 0; i < 20; ++i)
      many.write("/frame" + std::to_string(i), {1}, H5T_IEEE_F32LE, &value);
  }
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder / "many.h5", "/fram7"});
              }),
              HasSubstr("has no dataset '/fram7'; did you mean '/frame"));
}

TEST(DatasetReader, refuses_what_is_no_array_of_numbers) {
  const TemporaryFolder folder;
  const float value = 1;
  {
    const PlainFile file(folder / "x.h5");
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 4);
    file.write("/text", {2}, text, "abcdefg");
    H5Tclose(text);
    file.write("/single", {}, H5T_IEEE_F32LE, &value);
    file.write("/empty", {0, 4}, H5T_IEEE_F32LE, nullptr);
  }
  const auto message = [&](const char* name) {
    return message_of<Error>([&] { DatasetReader({folder / "x.h5", name}); });
  };
  EXPECT_THAT(message("/text"), HasSubstr("x.h5:/text' holds texts, not numbers"));
  EXPECT_THAT(message("/single"), HasSubstr("is a single number"));
  EXPECT_THAT(message("/empty"), HasSubstr("is empty: its shape is 0x4"));
}

TEST(DatasetReader, says_that_a_file_is_foreign_truncated_or_missing) {
  const TemporaryFolder folder;
  const auto values = counting(10000);
  PlainFile(folder / "x.h5").write("/x", {10000}, H5T_IEEE_F32LE, values.data());
  fs::resize_file(folder / "x.h5", fs::file_size(folder / "x.h5") / 2);
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder / "x.h5", "/x"});
              }),
              HasSubstr("is damaged or truncated"));
  std::ofstream(folder / "text.h5") << "no HDF5 at all";
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder / "text.h5", "/x"});
              }),
              HasSubstr("is not an HDF5 file"));
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder / "none.h5", "/x"});
              }),
              HasSubstr("No such file or directory"));
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({folder.path(), "/x"});
              }),
              HasSubstr("is a folder"));
}

TEST(DatasetReader, a_slab_outside_of_the_array_is_an_error) {
  const TemporaryFolder folder;
  const auto values = counting(12);
  PlainFile(folder / "x.h5").write("/x", {3, 4}, H5T_IEEE_F32LE, values.data());
  const DatasetReader reader({folder / "x.h5", "/x"});
  EXPECT_THROW(reader.read({2, 0}, {2, 4}), ShapeError);
  EXPECT_THROW(reader.read({0}, {3}), ShapeError);
}

TEST(DatasetReader, many_threads_read_at_once) {
  const TemporaryFolder folder;
  const auto values = counting(64 * 1000);
  {
    const PlainFile file(folder / "x.h5");
    file.write("/contiguous", {64, 1000}, H5T_IEEE_F32LE, values.data());
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk[] = {3, 100};
    H5Pset_chunk(creation, 2, chunk);
    H5Pset_deflate(creation, 1);
    file.write("/deflated", {64, 1000}, H5T_IEEE_F32LE, values.data(), creation);
    H5Pclose(creation);
  }
  for (const char* name : {"/contiguous", "/deflated"}) {
    const DatasetReader reader({folder / "x.h5", name});
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        for (std::int64_t item = thread; item < 64; item += 4)
          if (!at::equal(reader.read({item, 0}, {1, 1000}),
                         at::arange(item * 1000, (item + 1) * 1000, at::kFloat).view({1, 1000})))
            ++wrong;
      });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(wrong, 0) << name;
  }
}

TEST(DatasetReader, reads_npy_of_versions_1_to_3_and_either_byte_order) {
  const TemporaryFolder folder;
  const auto path = folder / "x.npy";
  for (const char version : {1, 2, 3}) {
    write_npy(path, "'<i2'", "(2, 2)", std::string("\1\0\2\0\3\0\377\377", 8), version);
    EXPECT_TRUE(
        at::equal(read_all({path, ""}), at::tensor({1, 2, 3, -1}, at::kShort).view({2, 2})));
  }
  write_npy(path, "'>i2'", "(2,)", std::string("\0\1\377\377", 4));
  EXPECT_TRUE(at::equal(read_all({path, ""}), at::tensor({1, -1}, at::kShort)));
  write_npy(path, "'>u2'", "(2,)", std::string("\0\1\377\377", 4));
  EXPECT_TRUE(at::equal(read_all({path, ""}), at::tensor({1, 65535}, at::kInt)));
  write_npy(path, "'<u4'", "(1,)", std::string("\377\377\377\377", 4));
  EXPECT_TRUE(at::equal(read_all({path, ""}), at::tensor({4294967295L}, at::kLong)));
  write_npy(path, "'|b1'", "(2,)", std::string("\1\0", 2));
  EXPECT_TRUE(at::equal(read_all({path, ""}), at::tensor({1, 0}).to(at::kBool)));
  write_npy(path, "'>c8'", "(1,)", std::string("\x3f\x80\0\0\xbf\x80\0\0", 8));
  EXPECT_TRUE(at::equal(at::view_as_real(read_all({path, ""})),
                        at::tensor({1., -1.}).to(at::kFloat).view({1, 2})));
}

TEST(DatasetReader, refuses_npy_that_it_cannot_read_rightly) {
  const TemporaryFolder folder;
  const auto path = folder / "x.npy";
  const auto message = [&] { return message_of<Error>([&] { DatasetReader({path, ""}); }); };
  write_npy(path, "'<f4'", "(2, 2)", std::string(16, '\0'), 1, "True");
  EXPECT_THAT(message(), HasSubstr("is in Fortran order"));
  write_npy(path, "'<f4'", "(2, 2)", std::string(15, '\0'));
  EXPECT_THAT(message(),
              HasSubstr("is truncated: an array of shape 2x2 does not fit into the 15 B"));
  write_npy(path, "'<f4'", "(4611686018427387904, 4)", std::string(15, '\0'));
  EXPECT_THAT(message(), HasSubstr("is truncated"));
  write_npy(path, "'<U5'", "(2,)", std::string(40, '\0'));
  EXPECT_THAT(message(), HasSubstr("holds elements of NumPy type '<U5'"));
  write_npy(path, "'|O'", "(2,)", std::string(40, '\0'));
  EXPECT_THAT(message(), HasSubstr("holds elements of NumPy type '|O'"));
  write_npy(path, "[('x', '<f4')]", "(2,)", std::string(8, '\0'));
  EXPECT_THAT(message(), HasSubstr("has no NPY header that could be read as numbers"));
  write_npy(path, "'<f4'", "()", std::string(4, '\0'));
  EXPECT_THAT(message(), HasSubstr("is a single number"));
  write_npy(path, "'<f4'", "(0, 3)", "");
  EXPECT_THAT(message(), HasSubstr("is empty"));
  write_npy(path, "'<f4'", "(-1,)", "");
  EXPECT_THAT(message(), HasSubstr("has no NPY header"));
  write_npy(path, "'<f4'", "(1,)", std::string(4, '\0'), 9);
  EXPECT_THAT(message(), HasSubstr("has version 9 of NPY"));
  std::ofstream(path) << "something else that is long enough";
  EXPECT_THAT(message(), HasSubstr("is not NPY"));
  std::ofstream(path) << "\x93NUMPY\1";
  EXPECT_THAT(message(), HasSubstr("is not NPY: it is shorter"));
  write_npy(path, "'<f4'", "(1,)", std::string(4, '\0'));
  EXPECT_THAT(message_of<Error>([&] {
                DatasetReader({path, "/x"});
              }),
              HasSubstr("leave '/x' away"));
}

}  // namespace
}  // namespace pellucid
