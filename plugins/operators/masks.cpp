#include "masks.h"

#include <ATen/ATen.h>

#include <pellucid/dataset.h>
#include <pellucid/value.h>

namespace pellucid {

Spec mask_spec(const std::vector<std::int64_t>& size) {
  Spec spec;
  spec.axes = size.size() == 3 ? "czyx" : "chw";
  spec.shape = {1};
  if (size.size() == 1) spec.shape.push_back(size.front());
  spec.shape.insert(spec.shape.end(), size.begin(), size.end());
  spec.unit = "1";
  return spec;
}

Tensor missing_in(const Tensor& mask) {
  const Tensor missing = mask == 0;
  const Tensor wrong = (mask != 1).logical_and_(missing.logical_not());
  if (!wrong.any().item<bool>()) return missing;
  throw Error("a mask must hold 1 where a sample is known and 0 where it is missing, got " +
              Value(mask.masked_select(wrong)[0].to(at::kDouble).item<double>()).text() +
              "; compare it with a threshold first");
}

const Schema<RandomMask>& RandomMask::schema() {
  static const RandomMaskRows<RandomMask> own{};
  static const Schema<RandomMask> rows{own.missing, own.size};
  return rows;
}

Tensor RandomMask::operator()(const Random& random, at::IntArrayRef shape) const {
  return random.uniform(shape, at::kDouble) >= missing;
}

const Schema<MaskFile>& MaskFile::schema() {
  static const Schema<MaskFile> rows{
      {"path", &MaskFile::path, "", "FILE.h5:/PATH/OF/DATASET or FILE.npy", required()},
  };
  return rows;
}

std::vector<std::int64_t> MaskFile::shape() const {
  return DatasetReader(DatasetAddress::parse(path)).shape();
}

Tensor MaskFile::values() const {
  const DatasetReader reader(DatasetAddress::parse(path));
  return reader.read(std::vector<std::int64_t>(reader.shape().size(), 0), reader.shape());
}

}  // namespace pellucid
