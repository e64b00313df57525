#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <pellucid/plugin.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using testing::message_of;

constexpr In<Tensor> kImages{"y", "images"};
constexpr In<LinearOperator> kBlur{"A", "blur"};
constexpr In<Tensor> kStart{"init", "start", optional};
constexpr In<Table> kRows{"rows", "a table"};
constexpr AnyIn kAll{"*", "what to save"};
constexpr Out<Tensor> kEstimate{"x", "estimate"};
constexpr Out<Table> kScores{"scores", "scores"};

class Identity final : public LinearOperator {
 public:
  Spec range(const Spec& x) const override { return x; }
  Tensor forward(const Tensor& x) const override { return x; }
  Tensor adjoint(const Tensor& y) const override { return y; }
};

class Median final : public Denoiser {
 public:
  Tensor denoise(const Tensor& x, double) const override { return x; }
};

constexpr Out<Denoiser> kNet{"net", "a trained network"};

template <class Given, class Port, class Object>
constexpr bool takes = std::is_assignable_v<decltype(std::declval<Given&>()[std::declval<Port>()]),
                                            std::shared_ptr<const Object>>;

static_assert(takes<Specs, Out<Denoiser>, Median> && takes<Outputs, Out<Denoiser>, Median>);
static_assert(!takes<Specs, Out<LatentPrior>, Median> && !takes<Outputs, Out<LatentPrior>, Median>);
static_assert(!takes<Outputs, Out<Denoiser>, Component>);

TEST(Outputs, take_the_objects_of_a_procedure_at_the_port_of_their_kind) {
  const auto made = std::make_shared<const Median>();
  Specs announced;
  announced[kNet] = made;
  Outputs out;
  out[kNet] = made;
  using Object = std::shared_ptr<const Component>;
  EXPECT_EQ(std::get<Object>(announced.all().at("net")), made);
  EXPECT_EQ(std::get<Object>(out.all().at("net")), made);
}

TEST(PortType, has_the_name_of_the_language) {
  EXPECT_STREQ(name_of(PortType::operator_convolution), "operator.convolution");
  EXPECT_STREQ(name_of(PortType::tensor), "tensor");
  EXPECT_STREQ(name_of(PortType::model), "model");
}

TEST(PortType, of_a_refined_operator_fits_where_a_general_one_is_wanted) {
  EXPECT_TRUE(fits(PortType::operator_convolution, PortType::operator_linear));
  EXPECT_TRUE(fits(PortType::operator_convolution, PortType::operator_));
  EXPECT_TRUE(fits(PortType::operator_linear, PortType::operator_));
  EXPECT_FALSE(fits(PortType::operator_, PortType::operator_linear));
  EXPECT_FALSE(fits(PortType::operator_linear, PortType::operator_convolution));
  EXPECT_FALSE(fits(PortType::table, PortType::tensor));
  EXPECT_FALSE(fits(PortType::prior, PortType::operator_));
}

TEST(Kind, has_the_name_and_the_port_of_its_object) {
  EXPECT_STREQ(name_of(Kind::operator_convolution), "operator.convolution");
  EXPECT_STREQ(name_of(Kind::reducer), "reducer");
  EXPECT_TRUE(is_object(Kind::functional));
  EXPECT_FALSE(is_object(Kind::procedure));
  EXPECT_EQ(port_type_of(Kind::denoiser), PortType::denoiser);
  EXPECT_THROW(port_type_of(Kind::sink), Error);
}

TEST(Inputs, give_tensors_objects_and_specs_by_their_handles) {
  Inputs in;
  const Tensor y = at::ones({2, 3, 4, 5});
  in.add({"y", spec_of(y, "chw"), y, nullptr});
  in.add({"A", {}, {}, std::make_shared<Identity>()});
  EXPECT_TRUE(at::equal(in[kImages], y));
  EXPECT_EQ(in.spec(kImages).items, 2);
  EXPECT_TRUE(at::equal(in[kBlur].forward(y), y));
  EXPECT_TRUE(in.has(kImages));
  EXPECT_FALSE(in.has(kStart));
}

TEST(Inputs, say_what_is_missing) {
  Inputs in;
  in.add({"y", Spec{}, {}, nullptr});
  EXPECT_EQ(message_of<Error>([&] { in[kImages]; }), "input 'y' has no tensor here, only a spec");
  EXPECT_EQ(message_of<Error>([&] { in[kStart]; }),
            "input 'init' is not connected; an optional input is asked for with in.has(...) first");
  EXPECT_EQ(message_of<Error>([&] { in[kBlur]; }),
            "input 'A' is not connected; an optional input is asked for with in.has(...) first");
}

TEST(Inputs, gather_what_no_port_names_in_the_order_of_the_file) {
  Inputs in;
  const Tensor b = at::zeros({1, 2});
  in.add({"b", spec_of(b, "w"), b, nullptr});
  in.add({"y", spec_of(b, "w"), b, nullptr});
  in.add({"a", TableSpec{}, Table{}, nullptr});
  in.set_open({"b", "a"});
  const auto gathered = in[kAll];
  ASSERT_EQ(gathered.size(), 2u);
  EXPECT_EQ(gathered[0].first, "b");
  EXPECT_TRUE(std::holds_alternative<Tensor>(gathered[0].second));
  EXPECT_EQ(gathered[1].first, "a");
  EXPECT_TRUE(std::holds_alternative<Table>(gathered[1].second));
  EXPECT_EQ(in.specs(kAll).size(), 2u);
}

TEST(Inputs, of_tensors_in_memory_give_items_when_asked) {
  Inputs in;
  const Tensor y = at::arange(10).reshape({5, 2});
  in.add({"y", spec_of(y, "w"), y, nullptr});
  EXPECT_TRUE(at::equal(in.items(kImages, 2, 2), y.narrow(0, 2, 2)));

  Table rows({{"value", Column::Type::real, "", 0, ""}});
  for (std::int64_t item = 0; item < 5; ++item) rows.add(item, {static_cast<double>(item)});
  in.add({"rows", TableSpec{}, rows, nullptr});
  EXPECT_THAT(in.items(kRows, 1, 2).reals("value"), ::testing::ElementsAre(1, 2));
}

TEST(Outputs, are_set_and_read_by_their_handles) {
  Outputs out;
  out[kEstimate] = at::ones({1, 2});
  const Outputs& given = out;
  EXPECT_EQ(given[kEstimate].numel(), 2);
  EXPECT_EQ(message_of<Error>([&] { given[kScores]; }), "output 'scores' has not been set");
}

TEST(Specs, hold_what_each_port_will_give) {
  Specs out;
  out[kEstimate].shape = {3};
  out[kScores].items = 4;
  EXPECT_EQ(out.all().size(), 2u);
  EXPECT_EQ(std::get<Spec>(out.all().at("x")).shape.size(), 1u);
  EXPECT_EQ(std::get<TableSpec>(out.all().at("scores")).items, 4);
}

}  // namespace
}  // namespace pellucid
