#include <array>
#include <fstream>
#include <limits>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <pellucid/testing.h>
#include <pellucid/weights.h>

#include "base/temporary_folder.h"
#include "framework/buffers/plain_hdf5.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using ::pellucid::testing::message_of;
using ::pellucid::testing::plain_read;
using ::pellucid::testing::PlainFile;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Made by PyTorch 2.13 with torch.save; the comments in the tests say what was saved.
fs::path stored(const std::string& name) {
  return fs::path(PELLUCID_SOURCE_DIR) / "tests/data/weights" / name;
}

std::string contents(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string safetensors(const std::string& header, const std::string& data) {
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    length[i] = static_cast<char>(header.size() >> (8 * i) & 0xff);
  return length + header + data;
}

TEST(ReadWeights, finds_the_state_dict_of_a_checkpoint) {
  const Weights weights = read_weights(stored("checkpoint.pth"));
  EXPECT_EQ(weights.tensors.size(), 9u);
  // torch.arange(6).reshape(2, 3) / 4, a Parameter
  EXPECT_TRUE(
      at::equal(weights.at("layer.weight", {2, 3}), at::arange(6, at::kFloat).view({2, 3}) / 4));
  EXPECT_TRUE(at::equal(weights.at("layer.bias"), at::tensor({1.5, -2.0}, at::kDouble)));
  // Two views of one storage: torch.arange(12.).reshape(3, 4).t() and torch.arange(12.)[4:8]
  EXPECT_TRUE(at::equal(weights.at("transposed"), at::arange(12, at::kFloat).view({3, 4}).t()));
  EXPECT_TRUE(weights.at("transposed").is_contiguous());
  EXPECT_TRUE(at::equal(weights.at("slice"), at::arange(4, 8, at::kFloat)));
  EXPECT_TRUE(at::equal(weights.at("half"), at::tensor({0.5, 65504.0}).to(at::kHalf)));
  EXPECT_TRUE(at::equal(weights.at("brain"), at::tensor({1.0, 3.0e38}).to(at::kBFloat16)));
  EXPECT_EQ(weights.at("steps", {}).item<std::int64_t>(), 12345678901);
  EXPECT_EQ(weights.at("empty").sizes(), (at::IntArrayRef{0, 3}));
  EXPECT_TRUE(at::equal(weights.at("flags"), at::tensor({1, 0}).to(at::kBool)));
  EXPECT_EQ(weights.attributes.at("epoch"), "7");
  EXPECT_EQ(weights.attributes.at("loss"), "0.25");
  EXPECT_EQ(weights.attributes.at("name"), "small");
  EXPECT_EQ(weights.attributes.at("done"), "true");
}

TEST(ReadWeights, takes_a_state_dict_alone) {
  EXPECT_TRUE(at::equal(read_weights(stored("plain.pth")).at("w"), at::ones({2, 2})));
}

TEST(ReadWeights, runs_no_code_of_the_file) {
  EXPECT_THAT(
      message_of<Error>([&] { read_weights(stored("code.pth")); }),
      HasSubstr("cannot be read as weights: it asks for 'posix.system', which is not among the "
                "few names that weights need"));
}

TEST(ReadWeights, says_what_is_wrong_with_a_pytorch_file) {
  EXPECT_THAT(message_of<Error>([&] { read_weights(stored("before_1_6.pth")); }),
              HasSubstr("is in PyTorch's format of before 1.6"));
  EXPECT_THAT(message_of<Error>([&] { read_weights(stored("tensor.pth")); }),
              HasSubstr("holds no dictionary of tensors"));
  EXPECT_THAT(message_of<Error>([&] { read_weights(stored("not_finite.pth")); }),
              HasSubstr("the tensor 'w' of '" + stored("not_finite.pth").string() +
                        "' has a value that is not finite, its element 1"));
}

TEST(ReadWeights, a_pytorch_file_cut_anywhere_is_an_error) {
  const TemporaryFolder folder;
  const std::string whole = contents(stored("checkpoint.pth"));
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    write(folder / "x.pth", whole.substr(0, size));
    EXPECT_THROW(read_weights(folder / "x.pth"), Error) << size;
  }
}

TEST(ReadWeights, a_damaged_pickle_never_does_more_than_throw) {
  const TemporaryFolder folder;
  const std::string whole = contents(stored("checkpoint.pth"));
  constexpr std::array flips{0x01, 0x80, 0xff};
  for (std::size_t place = 0; place < whole.size(); ++place) {
    std::string damaged = whole;
    damaged[place] = static_cast<char>(damaged[place] ^ flips[place % flips.size()]);
    write(folder / "x.pth", damaged);
    try {
      read_weights(folder / "x.pth");
    } catch (const Error&) {
      continue;
    }
  }
}

TEST(ReadWeights, refuses_a_zip_archive_of_something_else) {
  const TemporaryFolder folder;
  // An empty entry "a", by hand: local header, directory, end.
  const std::string entry = std::string("PK\3\4\n\0\0\0\0\0\0\0\0\0\0\0\0\0", 18) +
                            std::string(8, '\0') + std::string("\1\0\0\0a", 5);
  const std::string directory = std::string("PK\1\2\n\0\n\0\0\0\0\0\0\0\0\0\0\0\0\0", 20) +
                                std::string(8, '\0') + std::string("\1\0", 2) +
                                std::string(16, '\0') + "a";
  const std::string end = std::string("PK\5\6\0\0\0\0\1\0\1\0", 12) + std::string("\57\0\0\0", 4) +
                          std::string("\37\0\0\0\0\0", 6);
  write(folder / "x.pth", entry + directory + end);
  EXPECT_THAT(message_of<Error>([&] { read_weights(folder / "x.pth"); }),
              HasSubstr("is a zip archive but not one of PyTorch"));
}

TEST(ReadWeights, reads_safetensors) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  write(
      path,
      safetensors(
          R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2],"data_offsets":[2,10]},)"
          R"("flag":{"dtype":"BOOL","shape":[1,2],"data_offsets":[0,2]}})",
          std::string("\1\0\0\0\x80\x3f\0\0\0\xc0", 10)));
  const Weights weights = read_weights(path);
  EXPECT_TRUE(at::equal(weights.at("w"), at::tensor({1.0f, -2.0f})));
  EXPECT_TRUE(at::equal(weights.at("flag"), at::tensor({1, 0}).to(at::kBool).view({1, 2})));
  EXPECT_EQ(weights.attributes.at("format"), "pt");
}

TEST(ReadWeights, says_what_is_wrong_with_safetensors) {
  const TemporaryFolder folder;
  const auto path = folder / "x.safetensors";
  const auto message = [&](const std::string& header, const std::string& data) {
    write(path, safetensors(header, data));
    return message_of<Error>([&] { read_weights(path); });
  };
  const std::string good = R"("w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_THAT(message("{" + good + "," + good + "}", std::string(8, '\0')),
              HasSubstr("has the key 'w' twice"));
  EXPECT_THAT(message("{" + good + "}", std::string(7, '\0')), HasSubstr("damaged or truncated"));
  EXPECT_THAT(
      message(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", std::string(8, '\0')),
      HasSubstr("damaged or truncated"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}})",
                      std::string(2, '\0')),
              HasSubstr("is of type 'F8_E4M3'"));
  EXPECT_THAT(message(R"({"w":{"dtype":"F32"}})", ""), HasSubstr("lacks dtype, shape or offsets"));
  EXPECT_THAT(
      message(R"({"w":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})", ""),
      HasSubstr("impossible shape"));
  EXPECT_THAT(message("{", ""), HasSubstr("its header is not JSON"));
  EXPECT_THAT(message("{}", ""), HasSubstr("holds no tensors"));
  write(path, std::string("\377\377\377\377\377\377\377\177", 8));
  EXPECT_THAT(message_of<Error>([&] { read_weights(path); }), HasSubstr("is no safetensors file"));
}

TEST(ReadWeights, joins_groups_of_hdf5_by_dots) {
  const TemporaryFolder folder;
  const float values[] = {1, 2};
  {
    const PlainFile file(folder / "x.h5");
    H5Gclose(H5Gcreate2(file.file, "/layer", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    file.write("/layer/weight", {2}, H5T_IEEE_F32LE, values);
    file.write("/layer.bias", {1}, H5T_IEEE_F32LE, values);
    file.attribute("/", "architecture", "small");
  }
  const Weights weights = read_weights(folder / "x.h5");
  EXPECT_TRUE(at::equal(weights.at("layer.weight"), at::tensor({1.0f, 2.0f})));
  EXPECT_TRUE(at::equal(weights.at("layer.bias"), at::tensor({1.0f})));
  EXPECT_EQ(weights.attributes.at("architecture"), "small");
  {
    const PlainFile file(folder / "x.h5");
    H5Gclose(H5Gcreate2(file.file, "/layer", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    file.write("/layer/weight", {2}, H5T_IEEE_F32LE, values);
    file.write("/layer.weight", {2}, H5T_IEEE_F32LE, values);
  }
  EXPECT_THAT(message_of<Error>([&] { read_weights(folder / "x.h5"); }),
              HasSubstr("has the key 'layer.weight' twice"));
}

TEST(WriteWeights, what_it_writes_reads_back_and_other_programs_read_it) {
  const TemporaryFolder folder;
  Weights weights;
  weights.tensors["layer.weight"] = at::arange(6, at::kFloat).view({3, 2}).t();
  weights.tensors["steps"] = at::scalar_tensor(5, at::kLong);
  weights.tensors["empty"] = at::zeros({0, 2});
  weights.attributes["architecture"] = "small";
  write_weights(folder / "x.h5", weights);
  EXPECT_FALSE(fs::exists(folder / "x.h5.part"));
  EXPECT_THAT(plain_read<float>(folder / "x.h5", "/layer.weight", H5T_NATIVE_FLOAT),
              ElementsAre(0, 2, 4, 1, 3, 5));
  const Weights again = read_weights(folder / "x.h5");
  EXPECT_TRUE(at::equal(again.at("layer.weight"), weights.tensors["layer.weight"]));
  EXPECT_EQ(again.at("steps", {}).item<std::int64_t>(), 5);
  EXPECT_EQ(again.at("empty").sizes(), (at::IntArrayRef{0, 2}));
  EXPECT_EQ(again.attributes.at("architecture"), "small");
}

TEST(WriteWeights, a_flipped_bit_is_noticed) {
  const TemporaryFolder folder;
  Weights weights;
  weights.tensors["w"] = at::full({100}, 1.5);
  write_weights(folder / "x.h5", weights);
  std::string bytes = contents(folder / "x.h5");
  const std::size_t place = bytes.find(std::string("\0\0\xc0\x3f\0\0\xc0\x3f", 8));
  ASSERT_NE(place, std::string::npos);
  bytes[place + 2] ^= 1;
  write(folder / "x.h5", bytes);
  EXPECT_THAT(message_of<Error>([&] { read_weights(folder / "x.h5"); }),
              HasSubstr("the tensor 'w' of '" + (folder / "x.h5").string() + "' is damaged"));
}

TEST(WriteWeights, refuses_keys_with_a_slash) {
  const TemporaryFolder folder;
  Weights weights;
  weights.tensors["a/b"] = at::zeros(1);
  EXPECT_THROW(write_weights(folder / "x.h5", weights), Error);
}

TEST(Weights, a_missing_key_names_the_nearest_one) {
  const Weights weights = read_weights(stored("checkpoint.pth"));
  EXPECT_EQ(message_of<ConfigError>([&] { weights.at("layer.wieght"); }),
            "the weights in '" + stored("checkpoint.pth").string() +
                "' have no tensor 'layer.wieght'; did you mean 'layer.weight'?");
  EXPECT_THAT(message_of<ConfigError>([&] { weights.at("something entirely different"); }),
              HasSubstr("they have 9 others"));
}

TEST(Weights, a_wrong_shape_names_both) {
  const Weights weights = read_weights(stored("checkpoint.pth"));
  EXPECT_EQ(message_of<ShapeError>([&] {
              weights.at("layer.weight", {3, 2});
            }),
            "the tensor 'layer.weight' of '" + stored("checkpoint.pth").string() +
                "' should have the shape 3x2, it has 2x3");
}

TEST(WeightShapes, gives_shapes_without_reading_numbers) {
  const auto shapes = weight_shapes(stored("not_finite.pth"));
  EXPECT_THAT(shapes.at("w"), ElementsAre(2));
  EXPECT_EQ(weight_shapes(stored("checkpoint.pth")).size(), 9u);
}

TEST(ReadWeights, says_that_a_file_is_none) {
  const TemporaryFolder folder;
  write(folder / "x.pth", "hello, I am a text");
  EXPECT_THAT(message_of<Error>([&] { read_weights(folder / "x.pth"); }),
              HasSubstr("holds no weights"));
  EXPECT_THAT(message_of<Error>([&] { read_weights(folder / "none.pth"); }),
              HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace pellucid
