#include <fstream>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <pellucid/dataset.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "buffers/result_file.h"
#include "framework/buffers/plain_hdf5.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using ::pellucid::testing::message_of;
using ::pellucid::testing::plain_read;
using ::pellucid::testing::plain_text;
using ::testing::HasSubstr;

Spec pictures() { return {4, at::kFloat, "chw", {1, 2, 3}, "1", {1.0, 0.5, 0.5}, "um"}; }
Tensor values() { return at::arange(24, at::kFloat).view({4, 1, 2, 3}); }

class EitherFormat : public ::testing::TestWithParam<const char*> {
 protected:
  fs::path name() const { return folder_ / GetParam(); }
  Tensor read_back() const {
    const DatasetReader reader({name(), name().extension() == ".npy" ? "" : "/x"});
    return reader.read({0, 0, 0, 0}, {4, 1, 2, 3});
  }
  TemporaryFolder folder_;
};

TEST_P(EitherFormat, is_written_in_any_order_and_renamed_at_the_end) {
  DatasetWriter writer(name(), {{"/x", pictures()}}, false);
  writer.write(0, 2, values().narrow(0, 2, 2));
  writer.write(0, 0, values().narrow(0, 0, 2));
  EXPECT_EQ(writer.part(), name().string() + ".part");
  EXPECT_FALSE(fs::exists(name()));
  EXPECT_TRUE(at::equal(writer.read(0, 1, 2), values().narrow(0, 1, 2)));
  writer.close(false);
  EXPECT_FALSE(fs::exists(writer.part()));
  EXPECT_TRUE(at::equal(read_back(), values()));
}

TEST_P(EitherFormat, takes_regions) {
  DatasetWriter writer(name(), {{"/x", pictures()}}, false);
  for (std::int64_t item = 0; item < 4; ++item)
    for (std::int64_t row = 0; row < 2; ++row)
      writer.write(0, item, {{0, row, 0}, {1, 1, 3}, {1, 2, 3}},
                   values().narrow(0, item, 1).narrow(2, row, 1));
  writer.close(false);
  EXPECT_TRUE(at::equal(read_back(), values()));
}

TEST_P(EitherFormat, goes_on_in_an_existing_part) {
  {
    DatasetWriter writer(name(), {{"/x", pictures()}}, false);
    writer.write(0, 0, values().narrow(0, 0, 2));
    writer.sync();
  }
  DatasetWriter writer(name(), {{"/x", pictures()}}, true);
  EXPECT_TRUE(at::equal(writer.read(0, 0, 2), values().narrow(0, 0, 2)));
  writer.write(0, 2, values().narrow(0, 2, 2));
  writer.close(false);
  EXPECT_TRUE(at::equal(read_back(), values()));
}

TEST_P(EitherFormat, refuses_to_go_on_in_a_part_of_another_layout) {
  DatasetWriter(name(), {{"/x", pictures()}}, false);
  Spec other = pictures();
  other.items = 5;
  EXPECT_THAT(message_of<Error>([&] {
                DatasetWriter(name(), {{"/x", other}}, true);
              }),
              HasSubstr("was made by another run"));
  EXPECT_NO_THROW(DatasetWriter(name(), {{"/x", other}}, false));
}

TEST_P(EitherFormat, replaces_a_finished_file_only_when_told) {
  { DatasetWriter(name(), {{"/x", pictures()}}, false).close(false); }
  DatasetWriter writer(name(), {{"/x", pictures()}}, false);
  writer.write(0, 0, values());
  EXPECT_THAT(message_of<Error>([&] { writer.close(false); }), HasSubstr("exists already"));
  writer.close(true);
  EXPECT_TRUE(at::equal(read_back(), values()));
}

TEST_P(EitherFormat, refuses_other_shapes_and_types) {
  DatasetWriter writer(name(), {{"/x", pictures()}}, false);
  EXPECT_THROW(writer.write(0, 0, at::zeros({1, 1, 2, 4})), ShapeError);
  EXPECT_THROW(writer.write(0, 0, at::zeros({1, 1, 2, 3}, at::kDouble)), ShapeError);
  EXPECT_THROW(writer.write(0, 3, at::zeros({2, 1, 2, 3})), ShapeError);
  EXPECT_THROW(writer.read(0, 3, 2), ShapeError);
}

INSTANTIATE_TEST_SUITE_P(Formats, EitherFormat, ::testing::Values("x.h5", "x.npy"));

TEST(DatasetWriter, hdf5_carries_what_the_spec_says) {
  const TemporaryFolder folder;
  DatasetWriter(folder / "x.h5", {{"/restore/mean", pictures()}}, false).close(false);
  EXPECT_EQ(plain_text(folder / "x.h5", "/restore/mean", "axes"), "chw");
  EXPECT_EQ(plain_text(folder / "x.h5", "/restore/mean", "spacing_unit"), "um");
  const DatasetReader reader({folder / "x.h5", "/restore/mean"});
  EXPECT_EQ(reader.axes(), "chw");
  EXPECT_EQ(reader.unit(), "1");
  EXPECT_EQ(reader.spacing(), (std::vector<double>{1.0, 0.5, 0.5}));
}

TEST(DatasetWriter, hdf5_may_carry_provenance_of_any_length) {
  const TemporaryFolder folder;
  for (const std::string& text :
       {std::string("{\"seed\": 1}"), "\"" + std::string(4000, 'x') + "\""}) {
    {
      DatasetWriter writer(folder / "x.h5", {{"/x", pictures()}}, false, 1000);
      writer.write(0, 0, values());
    }
    DatasetWriter(folder / "x.h5", {{"/x", pictures()}}, true, 1000).close(true, text);
    EXPECT_EQ(read_provenance(folder / "x.h5"), text);
    EXPECT_TRUE(at::equal(DatasetReader({folder / "x.h5", "/x"}).read({0, 0, 0, 0}, {4, 1, 2, 3}),
                          values()));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
  }
}

TEST(DatasetWriter, npy_headers_are_as_numpy_writes_them) {
  const TemporaryFolder folder;
  Spec spec{3, at::kDouble, "", {}, "", {}, ""};
  DatasetWriter writer(folder / "x.npy", {{"", spec}}, false);
  writer.write(0, 0, at::tensor({1.0, 2.0, 3.0}, at::kDouble));
  writer.close(false);
  std::ifstream stream(folder / "x.npy", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  // numpy.save of numpy.array([1.0, 2.0, 3.0]), NumPy 1.24.
  const std::string header = std::string("\x93NUMPY\1\0\x76\0", 10) +
                             "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }" +
                             std::string(60, ' ') + "\n";
  EXPECT_EQ(bytes.substr(0, 128), header);
  EXPECT_EQ(bytes.size(), 128u + 24u);
}

TEST(DatasetWriter, npy_holds_one_array) {
  const TemporaryFolder folder;
  EXPECT_THAT(message_of<Error>([&] {
                DatasetWriter(folder / "x.npy", {{"/a", pictures()}, {"/b", pictures()}}, false);
              }),
              HasSubstr("is NPY, which holds one array"));
}

}  // namespace
}  // namespace pellucid
