#include "buffers/checksum.h"

#include <cmath>
#include <limits>

#include <ATen/ATen.h>
#include <gmock/gmock.h>

namespace pellucid {
namespace {

// Reference values of XXH3 64 bits with seed 0, from the sanity test of the xxHash project.
TEST(Checksum, is_xxh3) { EXPECT_EQ(checksum("", 0), 0x2d06800538d394c2u); }

TEST(Checksum, of_pieces_is_that_of_the_whole) {
  const at::Tensor bytes = at::randint(256, {100'003}, at::kByte);
  const char* data = static_cast<const char*>(bytes.const_data_ptr());
  Checksum sum;
  sum.add(data, 1);
  sum.add(data + 1, 70'000);
  sum.add(data + 70'001, 30'002);
  EXPECT_EQ(sum.value(), checksum(data, 100'003));
}

TEST(Checksum, of_a_strided_tensor_is_that_of_its_elements_in_order) {
  const at::Tensor x = at::randn({3, 4, 5, 6});
  for (const at::Tensor& view :
       {x.transpose(1, 3), x.narrow(1, 1, 2), x.narrow(3, 2, 3), x.select(3, 1),
        x.permute({3, 2, 1, 0}), x.slice(2, 0, 5, 2), x.contiguous(at::MemoryFormat::ChannelsLast),
        x.narrow(0, 1, 1), x.expand({2, 3, 4, 5, 6}), x.narrow(2, 1, 0)}) {
    EXPECT_EQ(checksum(view), checksum(view.clone(at::MemoryFormat::Contiguous)));
    EXPECT_EQ(inspect(view).checksum, checksum(view));
  }
}

TEST(Checksum, has_16_digits) { EXPECT_EQ(checksum_text(0xabc), "0000000000000abc"); }

TEST(FirstNonfinite, finds_the_first_in_every_floating_type) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const at::ScalarType dtype :
       {at::kHalf, at::kBFloat16, at::kFloat, at::kDouble, at::kComplexFloat, at::kComplexDouble}) {
    for (const double bad : {infinity, -infinity, std::nan("")}) {
      at::Tensor x = at::ones({7, 1001}, dtype);
      EXPECT_EQ(first_nonfinite(x), -1);
      x[4][13] = bad;
      x[5][1] = bad;
      EXPECT_EQ(first_nonfinite(x), 4 * 1001 + 13);
      EXPECT_EQ(inspect(x).first_nonfinite, 4 * 1001 + 13);
      EXPECT_EQ(inspect(x.t()).first_nonfinite, 1 * 7 + 5);
    }
  }
}

TEST(FirstNonfinite, sees_the_imaginary_part) {
  at::Tensor x = at::zeros({10}, at::kComplexFloat);
  at::imag(x).index_put_({at::tensor(3)}, at::tensor(std::nanf("")));
  EXPECT_EQ(first_nonfinite(x), 3);
}

TEST(FirstNonfinite, accepts_the_largest_and_the_smallest_numbers) {
  EXPECT_EQ(first_nonfinite(at::tensor({std::numeric_limits<float>::max(),
                                        std::numeric_limits<float>::denorm_min(), -0.0f})),
            -1);
  EXPECT_EQ(first_nonfinite(at::full({5}, 65504.0, at::kHalf)), -1);
  EXPECT_EQ(first_nonfinite(at::full({5}, -1, at::kLong)), -1);
  EXPECT_EQ(first_nonfinite(at::full({5}, 255, at::kByte)), -1);
}

TEST(KeyBuilder, tells_where_a_part_ends_and_what_it_is) {
  const auto key = [](auto... parts) {
    KeyBuilder builder;
    (builder.add(parts), ...);
    return builder.key();
  };
  EXPECT_EQ(key("ab", "c"), key("ab", "c"));
  EXPECT_NE(key("ab", "c"), key("a", "bc"));
  EXPECT_NE(key(1), key(1.0));
  EXPECT_NE(key(1), key("1"));
  EXPECT_NE(key(1, 2), key(at::IntArrayRef({1, 2})));
  EXPECT_NE(key(0.0), key(-0.0));
  EXPECT_NE(key(), key(""));
}

TEST(KeyBuilder, can_be_copied_and_goes_on_from_there) {
  KeyBuilder first;
  first.add("common");
  KeyBuilder second = first;
  second.add(2);
  first.add(1);
  EXPECT_EQ(second.key(), KeyBuilder().add("common").add(2).key());
  EXPECT_NE(first.key(), second.key());
}

TEST(Key, survives_as_text) {
  const Key key{0x0123456789abcdefu, 0xfu};
  EXPECT_EQ(key.text(), "0123456789abcdef000000000000000f");
  EXPECT_EQ(Key::parse(key.text()), key);
  EXPECT_FALSE(Key::parse("0123"));
  EXPECT_FALSE(Key::parse("0123456789abcdefg00000000000000f"));
}

}  // namespace
}  // namespace pellucid
