// Spec: what is known about data before the data exists.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <ATen/core/Tensor.h>

#include <pellucid/error.h>

namespace pellucid {

using Tensor = at::Tensor;

/// What a tensor edge carries: N items of one shape. A block of it is a tensor of shape
/// (items of the block, shape...).
struct PELLUCID_EXPORT Spec {
  std::int64_t items = 1;
  at::ScalarType dtype = at::kFloat;
  /// One letter an axis of an item, e.g. "chw", "czyx"; grey images have c = 1.
  std::string axes;
  std::vector<std::int64_t> shape;  ///< of one item, as long as `axes`
  /// Unit of the values: "" unknown, "1" dimensionless (pictures in [0, 1]), "photon", ...
  std::string unit;
  /// Distance of neighbouring samples along each axis, in `spacing_unit`; empty: unknown.
  std::vector<double> spacing;
  std::string spacing_unit;

  std::int64_t item_numel() const;
  std::int64_t item_bytes() const;
  std::int64_t bytes() const { return items * item_bytes(); }
  /// Length of the axis with this letter. Throws ShapeError where there is none.
  std::int64_t size(char axis) const;
  /// "47 x float32 chw 3x256x256 [1]", for tables and messages.
  std::string text() const;

  /// Everything but the item count agrees.
  bool same_item(const Spec& other) const;
  bool operator==(const Spec&) const = default;
};

/// "float32", "complex64", "uint16", ...
PELLUCID_EXPORT std::string dtype_name(at::ScalarType dtype);
/// The dtype of a name as above; empty for an unknown one.
PELLUCID_EXPORT std::optional<at::ScalarType> dtype_of_name(const std::string& name);
/// "3x256x256".
PELLUCID_EXPORT std::string shape_text(at::IntArrayRef shape);
/// The last `count` entries of a shape.
PELLUCID_EXPORT std::vector<std::int64_t> last_sizes(at::IntArrayRef shape, std::size_t count);
/// -count .. -1: the last axes of a tensor, as libtorch's functions take them.
PELLUCID_EXPORT std::vector<std::int64_t> last_axes(std::size_t count);
/// Spec of a tensor (items, shape...) with the given axes.
PELLUCID_EXPORT Spec spec_of(const Tensor& tensor, const std::string& axes);

/// The last axes must be `axes`. Throws ShapeError: what is needed and what came.
PELLUCID_EXPORT void require_axes(const Spec& spec, const std::string& axes);
/// The last axes are those of an image ("hw" or "yx"; `dimensions` 2) or of a volume ("zyx" or
/// "zhw"; 3), and none of them is empty. Throws ShapeError: what is needed and what came.
PELLUCID_EXPORT void require_spatial(const Spec& spec, std::int64_t dimensions);
/// float32 or float64.
PELLUCID_EXPORT void require_real(const Spec& spec);
/// float32, float64, complex64 or complex128.
PELLUCID_EXPORT void require_floating(const Spec& spec);
/// `a` and `b` agree in axes, shape, dtype and unit; the names stand in the message.
PELLUCID_EXPORT void require_same(const Spec& a, const std::string& a_name, const Spec& b,
                                  const std::string& b_name);
/// The values of `a` and `b` have one unit, or the unit of one of them is unknown.
PELLUCID_EXPORT void require_same_unit(const Spec& a, const std::string& a_name, const Spec& b,
                                       const std::string& b_name);

/// A column of a table.
struct Column {
  enum class Type { integer, real, text, truth };
  std::string name;
  Type type = Type::real;
  std::string unit;        ///< "dB", "px", "1", "" for texts
  std::int64_t width = 0;  ///< bytes of a text at most; longer ones are an error
  std::string summary;

  bool operator==(const Column&) const = default;
};

/// What a table edge carries. Every table has a first column `item` that is not listed here.
struct PELLUCID_EXPORT TableSpec {
  std::int64_t items = 1;          ///< items its rows speak of
  std::int64_t rows_per_item = 1;  ///< at most
  std::vector<Column> columns;

  std::int64_t row_bytes() const;
  std::string text() const;  ///< "47 rows: item, psnr [dB], ssim [1]"
  bool operator==(const TableSpec&) const = default;
};

using Cell = std::variant<std::int64_t, double, std::string, bool>;

/// Rows of a table, in memory.
class PELLUCID_EXPORT Table {
 public:
  Table();
  explicit Table(std::vector<Column> columns);
  Table(const Table&);
  Table(Table&&) noexcept;
  Table& operator=(const Table&);
  Table& operator=(Table&&) noexcept;
  ~Table();

  const std::vector<Column>& columns() const { return columns_; }
  std::int64_t rows() const { return static_cast<std::int64_t>(item_.size()); }
  std::int64_t item(std::int64_t row) const { return item_[static_cast<std::size_t>(row)]; }
  /// Adds a row; cells in the order of the columns. Throws ShapeError for a wrong number or type of
  /// cells, or a text wider than its column. Integers are taken where reals are wanted.
  void add(std::int64_t item, std::vector<Cell> cells);
  const Cell& cell(std::int64_t row, std::int64_t column) const;
  /// Cells of a column as numbers; throws ShapeError for an unknown or text column.
  std::vector<double> reals(const std::string& column) const;
  /// Adds the rows of a table with the same columns.
  void append(const Table& other);

 private:
  std::vector<Column> columns_;
  std::vector<std::int64_t> item_;
  std::vector<std::vector<Cell>> cells_;  // by column
};

/// Part of an item, along each of its axes.
struct Region {
  std::vector<std::int64_t> offset;
  std::vector<std::int64_t> size;
  std::vector<std::int64_t> whole;  ///< shape of the whole item

  bool operator==(const Region&) const = default;
};

/// What one call works on: a contiguous range of items, or a region of one item.
struct Block {
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::optional<Region> region;  ///< empty: whole items

  bool operator==(const Block&) const = default;
};

}  // namespace pellucid
