#include "angles.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

#include <pellucid/value.h>

namespace pellucid {
namespace {

constexpr double kDegree = std::numbers::pi / 180;

std::vector<double> degrees_of(const EvenAngles& even) {
  std::vector<double> all;
  for (std::int64_t k = 0; k < even.count; ++k)
    all.push_back(even.start + even.range * double(k) / double(even.count));
  return all;
}

std::vector<double> degrees_of(const ListedAngles& list) { return list.degrees; }

}  // namespace

const Schema<EvenAngles>& EvenAngles::schema() {
  static const Schema<EvenAngles> rows{
      {"count", &EvenAngles::count, "1", "how many", at_least(1)},
      {"range", &EvenAngles::range, "deg", "from the first to one step behind the last"},
      {"start", &EvenAngles::start, "deg", "the first angle"},
  };
  return rows;
}

const Schema<ListedAngles>& ListedAngles::schema() {
  static const Schema<ListedAngles> rows{
      {"degrees", &ListedAngles::degrees, "deg", "the angles", count(1, 1 << 26), required()},
  };
  return rows;
}

std::vector<double> radians_of(const Angles& angles) {
  std::vector<double> all = std::visit([](const auto& kind) { return degrees_of(kind); }, angles);
  for (double& angle : all) angle *= kDegree;
  return all;
}

const Spec& single(const Inputs& in, const In<Tensor>& port) {
  const Spec& spec = in.spec(port);
  if (spec.items != 1 || at::isComplexType(spec.dtype))
    throw ShapeError("the input '" + std::string(port.name) +
                     "' must be real and of one item, got " + spec.text());
  return spec;
}

std::vector<double> radians_of(const Inputs& in, const In<Tensor>& port) {
  const Tensor given = in[port].to(at::kCPU, at::kDouble).contiguous();
  const double unit = unit_factor(in.spec(port).unit, "deg").value_or(1.0);
  std::vector<double> all;
  for (std::int64_t k = 0; k < given.numel(); ++k) {
    const double degrees = given.const_data_ptr<double>()[k] * unit;
    if (!std::isfinite(degrees))
      throw Error("angle " + std::to_string(k) + " of the input '" + port.name + "' is not finite");
    all.push_back(degrees * kDegree);
  }
  return all;
}

}  // namespace pellucid
