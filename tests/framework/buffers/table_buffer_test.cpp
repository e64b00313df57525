#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <pellucid/error.h>
#include <pellucid/testing.h>

#include "base/temporary_folder.h"
#include "buffers/buffer.h"
#include "buffers/table_layout.h"

namespace pellucid {
namespace {

using ::pellucid::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TableSpec spec() {
  return {6,
          3,
          {{"peak", Column::Type::real, "photon", 0, ""},
           {"count", Column::Type::integer, "1", 0, ""},
           {"name", Column::Type::text, "", 8, ""},
           {"good", Column::Type::truth, "", 0, ""}}};
}

/// `per_item` rows for each of the items.
Table rows(std::int64_t first, std::int64_t count, std::int64_t per_item, std::int64_t base = 0) {
  Table table(spec().columns);
  for (std::int64_t item = first; item < first + count; ++item)
    for (std::int64_t row = 0; row < per_item; ++row)
      table.add(base + item, {10.0 * static_cast<double>(item) + static_cast<double>(row), row,
                              "n" + std::to_string(item), row % 2 == 0});
  return table;
}

std::vector<double> peaks(const Table& table) { return table.reals("peak"); }

struct Bench {
  TableBuffer open(std::int64_t first_item = 0) {
    const auto path = folder / "buffers.h5";
    const auto arrays = TableBuffer::arrays("/node/table", spec());
    auto file = std::filesystem::exists(path) ? ContiguousFile::open(path, arrays)
                                              : ContiguousFile::create(path, arrays);
    return {
        "node.table", spec(), {std::make_shared<ContiguousFile>(std::move(file)), 0}, first_item};
  }
  TemporaryFolder folder;
};

TEST(TableBuffer, gives_rows_in_block_order_whatever_the_order_they_came_in) {
  Bench bench;
  TableBuffer buffer = bench.open();
  buffer.put({4, 2, {}}, rows(4, 2, 1));
  buffer.put({0, 2, {}}, rows(0, 2, 2));
  buffer.put({2, 2, {}}, rows(2, 0, 0));
  EXPECT_THAT(peaks(buffer.get(0, 6)), ElementsAre(0, 1, 10, 11, 40, 50));
  EXPECT_EQ(buffer.rows(), 6);
  const Table all = buffer.get(0, 6);
  EXPECT_EQ(all.item(5), 5);
  EXPECT_EQ(std::get<std::string>(all.cell(4, 2)), "n4");
  EXPECT_EQ(std::get<std::int64_t>(all.cell(3, 1)), 1);
  EXPECT_FALSE(std::get<bool>(all.cell(1, 3)));
}

TEST(TableBuffer, gives_the_rows_of_some_items_of_a_block) {
  Bench bench;
  TableBuffer buffer = bench.open(100);
  buffer.put({0, 3, {}}, rows(0, 3, 2, 100));
  buffer.put({3, 3, {}}, rows(3, 3, 1, 100));
  EXPECT_THAT(peaks(buffer.get(1, 3)), ElementsAre(10, 11, 20, 21, 30));
}

TEST(TableBuffer, goes_on_after_a_restart) {
  Bench bench;
  std::uint64_t sum = 0;
  {
    TableBuffer buffer = bench.open();
    sum = buffer.put({2, 2, {}}, rows(2, 2, 3));
  }
  TableBuffer buffer = bench.open();
  EXPECT_FALSE(buffer.holds({2, 2, {}}));
  EXPECT_EQ(buffer.stored_checksum({2, 2, {}}), sum);
  buffer.restore({2, 2, {}});
  EXPECT_TRUE(buffer.holds({2, 2, {}}));
  EXPECT_THAT(peaks(buffer.get(2, 2)), ElementsAre(20, 21, 22, 30, 31, 32));
}

TEST(TableBuffer, refuses_more_rows_than_were_announced) {
  Bench bench;
  TableBuffer buffer = bench.open();
  EXPECT_EQ(message_of<ShapeError>([&] {
              buffer.put({0, 2, {}}, rows(0, 2, 4));
            }),
            "'node.table' announced at most 6 rows for 2 items, got 8");
}

TEST(TableBuffer, a_missing_block_is_an_error) {
  Bench bench;
  TableBuffer buffer = bench.open();
  buffer.put({0, 2, {}}, rows(0, 2, 1));
  buffer.put({4, 2, {}}, rows(4, 2, 1));
  EXPECT_THAT(message_of<Error>([&] { buffer.get(0, 6); }), HasSubstr("the rows of item 2"));
  EXPECT_NO_THROW(buffer.get(4, 2));
}

TEST(RowsOfItems, are_those_of_a_range_in_their_order) {
  Table table = rows(3, 2, 2);
  table.append(rows(1, 2, 1));
  EXPECT_THAT(peaks(rows_of_items(table, 2, 2)), ElementsAre(30, 31, 20));
  EXPECT_EQ(rows_of_items(table, 2, 2).columns(), table.columns());
  EXPECT_EQ(rows_of_items(table, 5, 10).rows(), 0);
}

}  // namespace
}  // namespace pellucid
