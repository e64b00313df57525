#include "buffers/result_file.h"

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
using ::pellucid::testing::plain_read;
using ::pellucid::testing::plain_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::vector<Column> kColumns{{"psnr", Column::Type::real, "dB", 0, ""},
                                   {"name", Column::Type::text, "", 6, ""},
                                   {"good", Column::Type::truth, "", 0, ""},
                                   {"count", Column::Type::integer, "1", 0, ""}};

ResultLayout layout() {
  ResultLayout layout;
  layout.tensors = {{"/restore/mean", {3, at::kFloat, "hw", {4, 5}, "photon", {}, ""}},
                    {"/restore/valid", {3, at::kBool, "", {}, "", {}, ""}}};
  layout.tables = {{"/score/table", kColumns, 4}};
  layout.provenance_bytes = 1024;
  return layout;
}

Table scores(std::int64_t rows) {
  Table table(kColumns);
  for (std::int64_t row = 0; row < rows; ++row)
    table.add(row,
              {20.5 + static_cast<double>(row), "im" + std::to_string(row), row == 1, 7 * row});
  return table;
}

Tensor means() { return at::arange(60, at::kFloat).view({3, 4, 5}); }

void fill(const ResultFile& result, std::int64_t rows) {
  result.file()->write(result.layout().tensor_array(0), 0, means());
  result.file()->write(result.layout().tensor_array(1), 0, at::ones({3}, at::kBool));
  result.write_rows(0, 0, scores(rows));
}

TEST(ResultFile, full_tables_and_short_provenance_need_only_a_rename) {
  const TemporaryFolder folder;
  const auto result = ResultFile::create(folder / "result.h5.part", layout());
  fill(result, 4);
  result.finish(folder / "result.h5", {4}, R"({"seed": 1})", false);
  EXPECT_FALSE(fs::exists(folder / "result.h5.part"));

  const auto path = folder / "result.h5";
  EXPECT_THAT(plain_read<double>(path, "/score/table/psnr", H5T_NATIVE_DOUBLE),
              ElementsAre(20.5, 21.5, 22.5, 23.5));
  EXPECT_THAT(plain_read<long>(path, "/score/table/item", H5T_NATIVE_LONG),
              ElementsAre(0, 1, 2, 3));
  EXPECT_EQ(plain_text(path, "/score/table/psnr", "unit"), "dB");
  EXPECT_EQ(plain_text(path, "/", "pellucid"), "0.1.0");
  const DatasetReader reader({path, "/restore/mean"});
  EXPECT_EQ(reader.unit(), "photon");
  EXPECT_TRUE(at::equal(reader.read({0, 0, 0}, {3, 4, 5}), means()));
}

TEST(ResultFile, tables_shrink_to_the_rows_they_have) {
  const TemporaryFolder folder;
  const auto result = ResultFile::create(folder / "result.h5.part", layout());
  fill(result, 2);
  const std::string provenance = "{\"text\": \"" + std::string(5000, 'x') + "\"}";
  result.finish(folder / "result.h5", {2}, provenance, false);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
  const auto path = folder / "result.h5";
  EXPECT_THAT(plain_read<double>(path, "/score/table/psnr", H5T_NATIVE_DOUBLE),
              ElementsAre(20.5, 21.5));
  EXPECT_EQ(read_provenance(path), provenance);
  EXPECT_TRUE(
      at::equal(DatasetReader({path, "/restore/mean"}).read({0, 0, 0}, {3, 4, 5}), means()));
}

TEST(ResultFile, a_finished_result_is_replaced_only_when_told) {
  const TemporaryFolder folder;
  ResultFile::create(folder / "a.part", layout()).finish(folder / "result.h5", {4}, "{}", false);
  const auto other = ResultFile::create(folder / "b.part", layout());
  EXPECT_THAT(message_of<Error>([&] { other.finish(folder / "result.h5", {4}, "{}", false); }),
              HasSubstr("exists already"));
  other.finish(folder / "result.h5", {4}, "{\"b\": 1}", true);
  EXPECT_EQ(read_provenance(folder / "result.h5"), "{\"b\": 1}");
}

TEST(ResultFile, goes_on_in_a_part_of_the_same_layout) {
  const TemporaryFolder folder;
  ResultFile::create(folder / "part", layout()).file()->write(0, 1, means().narrow(0, 1, 1));
  const auto result = ResultFile::open(folder / "part", layout());
  EXPECT_TRUE(at::equal(result.file()->read(0, 1, 1), means().narrow(0, 1, 1)));
  ResultLayout other = layout();
  other.tables[0].rows = 5;
  EXPECT_THROW(ResultFile::open(folder / "part", other), Error);
}

void expect_contents(const fs::path& path) {
  const ResultContents contents = read_contents(path, 2);
  EXPECT_EQ(contents.version, "0.1.0");
  EXPECT_EQ(contents.provenance, R"({"seed": 1})");
  ASSERT_EQ(contents.datasets.size(), 2u);
  EXPECT_EQ(contents.datasets[0].path, "/restore/mean");
  EXPECT_EQ(contents.datasets[0].type, "float32");
  EXPECT_THAT(contents.datasets[0].shape, ElementsAre(3, 4, 5));
  EXPECT_EQ(std::get<std::string>(contents.datasets[0].attributes.at("axes")), "hw");
  EXPECT_EQ(contents.datasets[1].type, "bool");
  ASSERT_EQ(contents.tables.size(), 1u);
  EXPECT_EQ(contents.tables[0].path, "/score/table");
  EXPECT_EQ(contents.tables[0].columns, kColumns);
  EXPECT_EQ(contents.tables[0].rows, 4);
  EXPECT_EQ(contents.tables[0].head.rows(), 2);
  EXPECT_EQ(std::get<std::string>(contents.tables[0].head.cell(1, 1)), "im1");
  EXPECT_EQ(std::get<bool>(contents.tables[0].head.cell(1, 2)), true);
  EXPECT_EQ(read_table(path, "/score/table").reals("count"), (std::vector<double>{0, 7, 14, 21}));
}

TEST(ResultFile, says_what_it_holds_also_when_compressed) {
  const TemporaryFolder folder;
  const auto path = folder / "result.h5";
  const auto result = ResultFile::create(folder / "part", layout());
  fill(result, 4);
  result.finish(path, {4}, R"({"seed": 1})", false);
  expect_contents(path);
  compress_result(path, 4);
  expect_contents(path);
  EXPECT_TRUE(
      at::equal(DatasetReader({path, "/restore/mean"}).read({0, 0, 0}, {3, 4, 5}), means()));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

TEST(CompressResult, makes_chunks_of_about_a_mebibyte) {
  const TemporaryFolder folder;
  const auto path = folder / "x.h5";
  const Spec spec{6, at::kFloat, "hw", {1000, 1000}, "", {}, ""};
  {
    DatasetWriter writer(path, {{"/x", spec}}, false);
    for (std::int64_t item = 0; item < 6; ++item)
      writer.write(0, item, at::full({1, 1000, 1000}, static_cast<double>(item)));
    writer.close(false);
  }
  const auto before = fs::file_size(path);
  compress_result(path, 1);
  EXPECT_LT(fs::file_size(path), before / 20);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, "/x", H5P_DEFAULT);
  const hid_t creation = H5Dget_create_plist(set);
  hsize_t chunk[3] = {};
  H5Pget_chunk(creation, 3, chunk);
  EXPECT_THAT(chunk, ElementsAre(1, 262, 1000));
  H5Pclose(creation);
  H5Dclose(set);
  H5Fclose(file);
  const DatasetReader reader({path, "/x"});
  for (std::int64_t item = 0; item < 6; ++item)
    EXPECT_TRUE(at::equal(reader.read({item, 0, 0}, {1, 1000, 1000}),
                          at::full({1, 1000, 1000}, static_cast<double>(item))));
}

TEST(ReadProvenance, refuses_other_files) {
  const TemporaryFolder folder;
  { testing::PlainFile file(folder / "x.h5"); }
  EXPECT_THAT(message_of<Error>([&] { read_provenance(folder / "x.h5"); }),
              HasSubstr("has no provenance"));
  EXPECT_EQ(read_contents(folder / "x.h5").version, "");
}

}  // namespace
}  // namespace pellucid
