// specimen: simulated fluorescent samples as volumes, so that a microscope needs no file.
//
//   density: (1, z, y, x), float32, >= 0, unit [photon], spacing (step, pixel, pixel) [nm]
//
//   A sample is made of capsules: all points within a radius of a straight line, which for a bead has
//   no length. Places and directions are uniform and between voxels; a capsule that fits into the
//   volume lies within it. A voxel has the background, and for each capsule the brightness times its
//   share within it.
//
// Outputs
//   density   each item another sample
// Settings (keys in a pipeline file)
//   kind                  beads: spheres; count [1], >= 1, default 40; diameter [nm], > 0, default
//                         300
//                         rods: straight filaments with round ends; count [1], >= 1, default 12;
//                         diameter [nm], > 0, default 200; length [nm] without the ends, >= 0,
//                         default 2500                                       default beads
//   items [1]             how many, >= 1                                          default 1
//   size [px]             planes, height and width, or one for all, >= 1     default 32, 96, 96
//   pixel [nm]            distance of voxels along y and x, > 0                  default 100
//   step [nm]             distance of planes, > 0                                default 250
//   brightness [photon]   of a voxel wholly within one capsule, > 0              default 1000
//   background [photon]   of all voxels, >= 0                                    default 0
//
// Errors
//   ConfigError  `size` has neither 1 nor 3 entries (before anything runs)
//
// Accuracy  shares are counted at 4 to 32 points along each axis of a voxel, at least 8 across a
//           diameter that is not below a quarter of a voxel. A sample depends on the run's seed, the
//           node (or `seed_as`) and its item alone.
// Cost      64 points or more for each voxel that a capsule touches. Memory: one item.

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

using Point = std::array<double, 3>;  // z, y, x in nm
using Voxel = std::array<std::int64_t, 3>;

struct Beads {
  static constexpr const char* name = "beads";
  static constexpr const char* summary = "spheres";
  std::int64_t count = 40;
  double diameter = 300;                 // nm
  static constexpr double length = 0.0;  // nm
  static const Schema<Beads>& schema() {
    static const Schema<Beads> rows{
        {"count", &Beads::count, "1", "how many", at_least(1)},
        {"diameter", &Beads::diameter, "nm", "of each", positive()},
    };
    return rows;
  }
};

struct Rods {
  static constexpr const char* name = "rods";
  static constexpr const char* summary = "straight filaments with round ends";
  std::int64_t count = 12;
  double diameter = 200;  // nm
  double length = 2500;   // nm
  static const Schema<Rods>& schema() {
    static const Schema<Rods> rows{
        {"count", &Rods::count, "1", "how many", at_least(1)},
        {"diameter", &Rods::diameter, "nm", "of each", positive()},
        {"length", &Rods::length, "nm", "without the ends", at_least(0.0)},
    };
    return rows;
  }
};

/// All points within `radius` of the line from `a` to `b`.
struct Capsule {
  Point a, b;
  double radius;

  double squared_distance(const Point& p) const {
    double along = 0, squared_length = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      along += (p[i] - a[i]) * (b[i] - a[i]);
      squared_length += (b[i] - a[i]) * (b[i] - a[i]);
    }
    const double share = squared_length > 0 ? std::clamp(along / squared_length, 0.0, 1.0) : 0;
    double squared = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const double off = p[i] - a[i] - share * (b[i] - a[i]);
      squared += off * off;
    }
    return squared;
  }
};

/// A capsule from five uniform numbers, within a box of `extent` where it fits in.
Capsule placed(const double* uniform, double diameter, double length, const Point& extent) {
  const double z = 2 * uniform[3] - 1, turn = 2 * std::numbers::pi * uniform[4];
  const double across = std::sqrt(1 - z * z);
  const Point direction{z, across * std::sin(turn), across * std::cos(turn)};
  Capsule capsule{{}, {}, diameter / 2};
  for (std::size_t i = 0; i < 3; ++i) {
    const double half = length / 2 * direction[i];
    const double margin = std::min(extent[i] / 2, std::abs(half) + capsule.radius);
    const double centre = margin + uniform[i] * (extent[i] - 2 * margin);
    capsule.a[i] = centre - half;
    capsule.b[i] = centre + half;
  }
  return capsule;
}

/// A volume of voxels that capsules are added to.
struct Volume {
  Voxel size;
  Point voxel;  // nm
  float* values;

  Point extent() const {
    Point extent{};
    for (std::size_t i = 0; i < 3; ++i) extent[i] = double(size[i]) * voxel[i];
    return extent;
  }

  void add(const Capsule& capsule, double brightness, const Context& context) const {
    Voxel first, end, fineness;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto [low, high] = std::minmax(capsule.a[i], capsule.b[i]);
      const double most = double(size[i]);
      first[i] = static_cast<std::int64_t>(
          std::clamp(std::floor((low - capsule.radius) / voxel[i]), 0.0, most));
      end[i] = static_cast<std::int64_t>(
          std::clamp(std::ceil((high + capsule.radius) / voxel[i]), 0.0, most));
      fineness[i] = static_cast<std::int64_t>(
          std::clamp(std::ceil(4 * voxel[i] / capsule.radius), 4.0, 32.0));
    }
    Voxel at;
    for (at[0] = first[0]; at[0] < end[0]; ++at[0])
      for (at[1] = first[1]; at[1] < end[1]; ++at[1]) {
        context.stop_if_cancelled();
        for (at[2] = first[2]; at[2] < end[2]; ++at[2])
          values[(at[0] * size[1] + at[1]) * size[2] + at[2]] +=
              float(brightness * share_within(capsule, at, fineness));
      }
  }

 private:
  double share_within(const Capsule& capsule, const Voxel& at, const Voxel& fineness) const {
    Point centre{};
    double half_diagonal = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      centre[i] = (double(at[i]) + 0.5) * voxel[i];
      half_diagonal += voxel[i] * voxel[i] / 4;
    }
    const double near = capsule.radius + std::sqrt(half_diagonal);
    if (capsule.squared_distance(centre) > near * near) return 0;
    const auto place = [&](std::size_t axis, std::int64_t point) {
      return (double(at[axis]) + (double(point) + 0.5) / double(fineness[axis])) * voxel[axis];
    };
    std::int64_t within = 0;
    for (std::int64_t z = 0; z < fineness[0]; ++z)
      for (std::int64_t y = 0; y < fineness[1]; ++y)
        for (std::int64_t x = 0; x < fineness[2]; ++x)
          within += capsule.squared_distance({place(0, z), place(1, y), place(2, x)}) <=
                    capsule.radius * capsule.radius;
    return double(within) / double(fineness[0] * fineness[1] * fineness[2]);
  }
};

class Specimen final : public Stage {
 public:
  struct Settings {
    std::variant<Beads, Rods> kind;
    std::int64_t items = 1;
    std::vector<std::int64_t> size{32, 96, 96};  // px
    double pixel = 100;                          // nm
    double step = 250;                           // nm
    double brightness = 1000;                    // photons
    double background = 0;                       // photons
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"kind", &Settings::kind, "", "what it is made of"},
        {"items", &Settings::items, "1", "how many", at_least(1)},
        {"size", &Settings::size, "px", "planes, height and width, or one for all", at_least(1),
         count(1, 3)},
        {"pixel", &Settings::pixel, "nm", "distance of voxels along y and x", positive()},
        {"step", &Settings::step, "nm", "distance of planes", positive()},
        {"brightness", &Settings::brightness, "photon", "of a voxel wholly within one capsule",
         positive()},
        {"background", &Settings::background, "photon", "of all voxels", at_least(0.0)},
    };
    return rows;
  }

  static constexpr Out<Tensor> density{"density", "each item another sample"};
  static const Ports& ports() {
    static const Ports all{density};
    return all;
  }

  explicit Specimen(Settings settings) : settings_(std::move(settings)) {
    if (settings_.size.size() == 2)
      throw ConfigError("'size' must have one entry, or three: planes, height and width, got 2");
  }

  void infer(const Inputs&, Specs& out) const override {
    const Voxel size = this->size();
    Spec spec;
    spec.items = settings_.items;
    spec.axes = "czyx";
    spec.shape = {1, size[0], size[1], size[2]};
    spec.unit = "photon";
    spec.spacing = {1, settings_.step, settings_.pixel, settings_.pixel};
    spec.spacing_unit = "nm";
    out[density] = spec;
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Voxel size = this->size();
    const Tensor samples = at::full({in.block().count, 1, size[0], size[1], size[2]},
                                    settings_.background, at::kFloat);
    std::visit(
        [&](const auto& kind) {
          const Tensor uniforms =
              context.random("specimen").uniform({kind.count, 5}, at::kDouble).contiguous();
          for (std::int64_t item = 0; item < in.block().count; ++item) {
            const Volume volume{size,
                                {settings_.step, settings_.pixel, settings_.pixel},
                                samples[item].mutable_data_ptr<float>()};
            const double* const uniform = uniforms.const_data_ptr<double>() + item * kind.count * 5;
            for (std::int64_t i = 0; i < kind.count; ++i)
              volume.add(placed(uniform + 5 * i, kind.diameter, kind.length, volume.extent()),
                         settings_.brightness, context);
          }
        },
        settings_.kind);
    out[density] = samples;
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    // The random numbers.
    return std::visit(
        [&](const auto& kind) {
          return 2 * 8 * 5 * kind.count * std::max<std::int64_t>(1, in.block().count);
        },
        settings_.kind);
  }

 private:
  Voxel size() const {
    const auto& size = settings_.size;
    return {size.front(), size.size() == 1 ? size.front() : size[1], size.back()};
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Specimen, "Simulated fluorescent samples: beads, rods");

}  // namespace pellucid
