// dataset: arrays from HDF5 and NPY files, read slab by slab and never written to.
//
//   values, dtype, unit and spacing stay as they are in the file (unsigned whole numbers of 16 bits
//   and more widen); the item axis is taken out, the axis c moves to the front, and an item of the
//   axes "hw", "yx" or "zyx" gets c = 1 in front
//
// Outputs
//   items   an item an entry of the item axis; one item where there is no such axis
// Settings (keys in a pipeline file)
//   path    FILE.h5:/PATH/OF/DATASET or FILE.npy                                   required
//   axes    one letter for each axis of the array, e.g. nchw; by default the file's attribute
//           `axes` (with the item axis in front where it has one letter less), else hw of 2 and
//           nchw of 4 axes
//   item    letter of the axis that counts items; by default n where there is one
//   dtype   float32, float64 or as_stored: what values are converted to            default
//   as_stored
//
// Errors
//   ConfigError  no such file or dataset; axes missing or not as many as the array's; a letter
//                twice; an item axis that is not there (while planning)
//   Error        the file cannot be read
//
// Cost      memory: one block, twice where it is converted or its axes change places.

#include <algorithm>
#include <mutex>

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/plugin.h>

namespace pellucid {
namespace {

enum class Conversion { as_stored, float32, float64 };

std::vector<std::pair<std::string, Conversion>> enumerators(Conversion) {
  return {{"as_stored", Conversion::as_stored},
          {"float32", Conversion::float32},
          {"float64", Conversion::float64}};
}

/// How the axes of the array become those of items.
struct Arrangement {
  std::int64_t item_axis = -1;      // in the array; -1: all of it is one item
  std::vector<std::int64_t> order;  // axes of the array, in the order of an item
  bool lone_channel = false;        // c = 1 stands in front that the array does not have
  Spec spec;
};

class Dataset final : public Stage {
 public:
  struct Settings {
    std::filesystem::path path;
    std::optional<std::string> axes;
    std::optional<std::string> item;
    Conversion dtype = Conversion::as_stored;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"path", &Settings::path, "", "FILE.h5:/PATH/OF/DATASET or FILE.npy", required()},
        {"axes", &Settings::axes, "", "one letter for each axis of the array, e.g. nchw"},
        {"item", &Settings::item, "", "letter of the axis that counts items"},
        {"dtype", &Settings::dtype, "", "what values are converted to"},
    };
    return rows;
  }

  static constexpr Out<Tensor> items{"items", "the array, item by item"};
  static const Ports& ports() {
    static const Ports all{items};
    return all;
  }

  explicit Dataset(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs&, Specs& out) const override {
    open();
    out[items] = arrangement_.spec;
  }

  void process(const Inputs& in, Outputs& out, Context&) const override {
    open();
    const Block& block = in.block();
    std::vector<std::int64_t> offset(reader_->shape().size(), 0), size = reader_->shape();
    if (block.region) {
      const std::size_t skipped = arrangement_.lone_channel ? 1 : 0;
      for (std::size_t a = 0; a < arrangement_.order.size(); ++a) {
        offset[arrangement_.order[a]] = block.region->offset[a + skipped];
        size[arrangement_.order[a]] = block.region->size[a + skipped];
      }
    }
    if (arrangement_.item_axis >= 0) {
      offset[arrangement_.item_axis] = block.first;
      size[arrangement_.item_axis] = block.count;
    }
    Tensor slab = reader_->read(offset, size);
    std::vector<std::int64_t> order = arrangement_.order;
    if (arrangement_.item_axis >= 0) order.insert(order.begin(), arrangement_.item_axis);
    slab = slab.permute(order);
    if (arrangement_.item_axis < 0) slab = slab.unsqueeze(0);
    if (arrangement_.lone_channel) slab = slab.unsqueeze(1);
    out[items] = slab.to(arrangement_.spec.dtype).contiguous();
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs&) const override {
    open();
    return std::vector<std::int64_t>(arrangement_.spec.shape.size(), 0);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    open();
    const Spec& spec = arrangement_.spec;
    const bool sorted = std::is_sorted(arrangement_.order.begin(), arrangement_.order.end()) &&
                        arrangement_.item_axis <= 0;
    if (sorted && reader_->dtype() == spec.dtype) return 0;
    return std::max<std::int64_t>(1, in.block().count) * spec.item_numel() *
           static_cast<std::int64_t>(c10::elementSize(reader_->dtype()) +
                                     (sorted ? 0 : c10::elementSize(spec.dtype)));
  }

 private:
  void open() const {
    std::call_once(opened_, [this] {
      try {
        reader_ = std::make_unique<DatasetReader>(DatasetAddress::parse(settings_.path));
      } catch (const Error& error) {
        throw ConfigError(error.sentence());
      }
      arrangement_ = arranged();
    });
  }

  /// A letter for each axis of the array; ' ' for an item axis without a name.
  std::string letters() const {
    const std::size_t rank = reader_->shape().size();
    const std::string shape = shape_text(reader_->shape());
    const std::string axes = settings_.axes.value_or(reader_->axes());
    if (axes.empty()) {
      if (rank == 2) return "hw";
      if (rank == 4) return "nchw";
      throw ConfigError("the array of " + shape + " has " + std::to_string(rank) +
                        " axes without names; say what they are, e.g. axes: " +
                        (rank == 3   ? "nhw, chw or zyx"
                         : rank == 1 ? "x"
                                     : "nczyx"));
    }
    if (axes.size() != rank && (settings_.axes || axes.size() + 1 != rank))
      throw ConfigError("the array of " + shape + " needs " + std::to_string(rank) +
                        " letters in 'axes', got '" + axes + "'");
    for (std::size_t a = 0; a < axes.size(); ++a)
      if (axes.find(axes[a], a + 1) != std::string::npos)
        throw ConfigError("each letter of 'axes' must stand for one axis, got '" + axes + "'");
    return axes.size() == rank ? axes : " " + axes;
  }

  Arrangement arranged() const {
    const std::string names = letters();
    Arrangement made;
    if (settings_.item) {
      const auto place =
          settings_.item->size() == 1 ? names.find(*settings_.item) : std::string::npos;
      if (place == std::string::npos)
        throw ConfigError("'item' must be a letter of the axes '" + names + "', got '" +
                          *settings_.item + "'");
      made.item_axis = static_cast<std::int64_t>(place);
    } else if (const auto place = names.find_first_of("n "); place != std::string::npos) {
      made.item_axis = static_cast<std::int64_t>(place);
    }

    for (std::size_t a = 0; a < names.size(); ++a)
      if (static_cast<std::int64_t>(a) != made.item_axis)
        made.order.insert(names[a] == 'c' ? made.order.begin() : made.order.end(),
                          static_cast<std::int64_t>(a));
    Spec& spec = made.spec;
    spec.items = made.item_axis < 0 ? 1 : reader_->shape()[made.item_axis];
    spec.dtype = settings_.dtype == Conversion::float32   ? at::kFloat
                 : settings_.dtype == Conversion::float64 ? at::kDouble
                                                          : reader_->dtype();
    spec.unit = reader_->unit();
    for (const std::int64_t a : made.order) {
      spec.axes += names[a];
      spec.shape.push_back(reader_->shape()[a]);
    }
    made.lone_channel = spec.axes == "hw" || spec.axes == "yx" || spec.axes == "zyx";
    if (made.lone_channel) {
      spec.axes.insert(0, "c");
      spec.shape.insert(spec.shape.begin(), 1);
    }
    set_spacing(made, names);
    return made;
  }

  /// Files say the spacing of all axes of the array, of those of an item, or of these without the
  /// channels, always in the order of the array; another number of entries says nothing.
  void set_spacing(Arrangement& made, const std::string& names) const {
    const std::vector<double>& given = reader_->spacing();
    const auto item = static_cast<std::size_t>(made.item_axis);  // none: larger than any
    const std::size_t channel = names.find('c');
    for (const bool without_channel : {false, true})
      for (const bool without_item : {false, true}) {
        std::vector<double> spacing(names.size(), 1.0);
        std::size_t next = 0;
        for (std::size_t a = 0; a < names.size(); ++a) {
          if ((without_item && a == item) || (without_channel && a == channel)) continue;
          if (next < given.size()) spacing[a] = given[next];
          ++next;
        }
        if (given.empty() || next != given.size()) continue;
        Spec& spec = made.spec;
        if (made.lone_channel) spec.spacing.push_back(1.0);
        for (const std::int64_t a : made.order)
          spec.spacing.push_back(spacing[static_cast<std::size_t>(a)]);
        spec.spacing_unit = reader_->spacing_unit();
        return;
      }
  }

  Settings settings_;
  mutable std::once_flag opened_;
  mutable std::unique_ptr<DatasetReader> reader_;
  mutable Arrangement arrangement_;
};

}  // namespace

PELLUCID_COMPONENT(Dataset, "Arrays from HDF5 and NPY files");

}  // namespace pellucid
