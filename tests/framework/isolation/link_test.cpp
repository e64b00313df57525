// Link: tensors come out as they went in, strides included; memory is used again when it is free.

#include "isolation/link.h"

#include <sys/socket.h>

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ATen/ATen.h>

namespace pellucid {
namespace {

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() {
    int sockets[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) std::abort();
    here_ = std::make_unique<Link>(sockets[0]);
    there_ = std::make_unique<Link>(sockets[1]);
  }

  Tensor sent(const Tensor& tensor) {
    here_->send({{{"op", "test"}}, {tensor}});
    return there_->receive().tensors.at(0);
  }

  /// Says which memory is free again.
  void answer() {
    there_->send({{{"op", "done"}}, {}});
    here_->receive();
  }

  std::unique_ptr<Link> here_, there_;
};

TEST_F(LinkTest, tensors_of_every_size_and_dtype_come_out_as_they_went_in) {
  for (const at::ScalarType dtype : {at::kFloat, at::kDouble, at::kComplexFloat, at::kByte,
                                     at::kLong, at::kBool, at::kHalf, at::kBFloat16})
    for (const std::int64_t side : {0, 1, 7, 300}) {
      const Tensor tensor = at::arange(side * side, at::kDouble).view({side, side}).to(dtype);
      const Tensor copy = sent(tensor);
      EXPECT_EQ(copy.scalar_type(), dtype);
      EXPECT_EQ(copy.sizes(), tensor.sizes());
      EXPECT_TRUE(at::equal(copy, tensor)) << dtype_name(dtype) << " " << side;
    }
}

TEST_F(LinkTest, strides_are_kept) {
  const Tensor whole = at::rand({4, 3, 90, 110});
  for (const Tensor& tensor :
       {whole.to(at::MemoryFormat::ChannelsLast), whole.transpose(2, 3), whole.narrow(3, 7, 50),
        whole.slice(2, 0, 90, 2), whole.narrow(1, 0, 1).expand({4, 3, 90, 110})}) {
    const Tensor copy = sent(tensor);
    EXPECT_EQ(copy.strides(), tensor.strides());
    EXPECT_TRUE(at::equal(copy, tensor));
  }
}

TEST_F(LinkTest, elements_that_overlap_are_copied_apart) {
  const Tensor line = at::rand({100000});
  const Tensor windows = line.unfold(0, 10, 1);
  EXPECT_TRUE(at::equal(sent(windows), windows));
}

TEST_F(LinkTest, a_tensor_that_is_kept_stays_as_it_is) {
  const Tensor kept = sent(at::full({1 << 16}, 1.0f));
  answer();
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(sent(at::full({1 << 16}, 2.0f)).max().item<float>(), 2);
    answer();
  }
  EXPECT_EQ(kept.min().item<float>(), 1);
  here_.reset();
  there_.reset();
  EXPECT_EQ(kept.max().item<float>(), 1);
}

TEST_F(LinkTest, memory_that_is_free_is_used_again) {
  void* place = sent(at::zeros({1 << 20})).mutable_data_ptr();
  for (int i = 0; i < 5; ++i) {
    answer();
    EXPECT_EQ(sent(at::zeros({1 << 20})).mutable_data_ptr(), place);
  }
}

TEST_F(LinkTest, the_end_of_the_other_side_is_told) {
  there_.reset();
  EXPECT_THROW(here_->receive(), LinkLost);
  EXPECT_THROW(here_->send({{{"op", "test"}}, {}}), LinkLost);
}

TEST_F(LinkTest, what_is_no_message_is_refused) {
  const std::string noise(4096, '\xff');
  ASSERT_EQ(::send(here_->socket(), noise.data(), noise.size(), 0), 4096);
  EXPECT_THROW(there_->receive(), LinkLost);
}

TEST(Wire, values_keep_their_text_and_places) {
  const SourceLocation where{std::make_shared<const std::string>("a.yaml"), 3, 7,
                             std::make_shared<const std::string>("/data")};
  Value number = Value::scalar("2/1+1", where, false);
  number.set_number_text("2/(1+1)");
  const Value value = Value::map(
      {{"a", number, where}, {"b", Value::list({Value::scalar("caf\xe9", where, true), Value()})}},
      where);
  const Value copy = value_from(Words::from_cbor(Words::to_cbor(wire_of(value))));
  EXPECT_EQ(copy.flow(), value.flow());
  EXPECT_EQ(copy.where().text(), "a.yaml:3:7");
  EXPECT_EQ(*copy.find("a")->where().folder, "/data");
  EXPECT_EQ(number_of(*copy.find("a")), 1);
  EXPECT_EQ(copy.find("b")->items()[0].text(), "caf\xe9");
  EXPECT_TRUE(copy.find("b")->items()[0].quoted());
  EXPECT_TRUE(copy.find("b")->items()[1].is_null());
}

TEST(Wire, tables_keep_their_cells_to_the_bit) {
  Table table({{"n", Column::Type::integer, "1", 0, "a number"},
               {"x", Column::Type::real, "dB", 0, ""},
               {"name", Column::Type::text, "", 8, ""},
               {"good", Column::Type::truth, "", 0, ""}});
  table.add(4, {std::int64_t{1} << 60, 0.1, std::string("a\xff"), true});
  table.add(9, {std::int64_t{-1}, std::numeric_limits<double>::infinity(), std::string(), false});
  const Table copy = table_from(Words::from_cbor(Words::to_cbor(wire_of(table))));
  EXPECT_EQ(copy.columns(), table.columns());
  ASSERT_EQ(copy.rows(), 2);
  for (std::int64_t row = 0; row < 2; ++row) {
    EXPECT_EQ(copy.item(row), table.item(row));
    for (std::int64_t column = 0; column < 4; ++column)
      EXPECT_EQ(copy.cell(row, column), table.cell(row, column));
  }
}

TEST(Wire, what_was_thrown_keeps_type_and_place) {
  ShapeError error("too wide");
  error.attribute({std::make_shared<const std::string>("a.yaml"), 3, 7}, "blur", "operators/blur");
  try {
    throw_from(wire_of(error));
  } catch (const ShapeError& again) {
    EXPECT_STREQ(again.what(), error.what());
  }
  EXPECT_THROW(throw_from(wire_of(Cancelled())), Cancelled);
  EXPECT_THROW(throw_from(wire_of(PluginError("gone"))), PluginError);
}

}  // namespace
}  // namespace pellucid
