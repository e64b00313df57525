#include <gmock/gmock.h>
#include <pellucid/spec.h>
#include <pellucid/testing.h>

namespace pellucid {
namespace {

using ::testing::ElementsAre;
using testing::message_of;

const std::vector<Column> kColumns{
    {"psnr", Column::Type::real, "dB", 0, "quality"},
    {"name", Column::Type::text, "", 8, "of the file"},
    {"steps", Column::Type::integer, "1", 0, "taken"},
    {"converged", Column::Type::truth, "", 0, "before the last step"},
};

TEST(Table, keeps_rows_by_column) {
  Table table(kColumns);
  table.add(3, {27.5, std::string("boat"), std::int64_t{12}, true});
  table.add(4, {std::int64_t{30}, std::string("lena"), std::int64_t{9}, false});
  EXPECT_EQ(table.rows(), 2);
  EXPECT_EQ(table.item(1), 4);
  EXPECT_EQ(std::get<std::string>(table.cell(0, 1)), "boat");
  EXPECT_THAT(table.reals("psnr"), ElementsAre(27.5, 30.0));
  EXPECT_THAT(table.reals("steps"), ElementsAre(12, 9));
  EXPECT_THAT(table.reals("converged"), ElementsAre(1, 0));
}

TEST(Table, refuses_rows_that_do_not_fit_and_stays_as_it_was) {
  Table table(kColumns);
  EXPECT_EQ(message_of<ShapeError>([&] { table.add(0, {1.0}); }),
            "a row of this table has 4 cells beside its item, got 1");
  EXPECT_EQ(message_of<ShapeError>([&] {
              table.add(0, {1.0, 2.0, std::int64_t{1}, true});
            }),
            "column 'name' holds values of type text, got one of type real");
  EXPECT_EQ(message_of<ShapeError>([&] {
              table.add(0, {1.0, std::string("too long a name"), std::int64_t{1}, true});
            }),
            "texts of column 'name' have at most 8 bytes, got 15 ('too long a name')");
  EXPECT_EQ(table.rows(), 0);
}

TEST(Table, has_numbers_of_columns_of_numbers_only) {
  const Table table(kColumns);
  EXPECT_EQ(message_of<ShapeError>([&] { table.reals("name"); }),
            "column 'name' holds texts, not numbers");
  EXPECT_EQ(message_of<ShapeError>([&] { table.reals("ssim"); }),
            "the table has no column 'ssim'; it has 'psnr', 'name', 'steps' and 'converged'");
}

TEST(Table, takes_the_rows_of_one_with_the_same_columns) {
  Table table(kColumns), more(kColumns);
  table.add(0, {1.0, std::string("a"), std::int64_t{1}, true});
  more.add(7, {2.0, std::string("b"), std::int64_t{2}, true});
  table.append(more);
  EXPECT_EQ(table.rows(), 2);
  EXPECT_EQ(table.item(1), 7);
  EXPECT_THAT(table.reals("psnr"), ElementsAre(1, 2));
  EXPECT_THROW(table.append(Table({kColumns[0]})), ShapeError);
}

TEST(TableSpec, reads_as_in_a_table_of_the_plan) {
  EXPECT_EQ((TableSpec{47, 1, kColumns}).text(),
            "47 rows: item, psnr [dB], name, steps [1], converged");
  EXPECT_EQ((TableSpec{1, 1, {}}).text(), "1 row: item");
}

TEST(TableSpec, counts_the_bytes_of_a_row_with_its_item) {
  EXPECT_EQ((TableSpec{47, 1, kColumns}).row_bytes(), 8 + 8 + 8 + 8 + 1);
}

}  // namespace
}  // namespace pellucid
