// absorbance: line integrals from the radiographs of a beam, corrected by flat and dark frames.
//
//   y = -log(max(r, floor)) / a,   r = (data - dark) / (flat - dark)
//   data, y: any axes, e.g. (angles, bins); a the setting `attenuation`
//
//   flat and dark are averaged along their axis a, where frames were taken one after the other;
//   apart from it they have the axes of data. Without them flat is 1 and dark is 0.
//   A ratio below `floor` (no photon came through) counts as `floor`. Where flat is not above dark,
//   the detector is dead: y is 0 there. The table says how often either happened.
//
// Inputs
//   data   radiographs
//   flat   optional: frames of the open beam, of one item or as many as data
//   dark   optional: frames without beam, of one item or as many as data
// Outputs
//   y         line integrals, unit "px", or "1" without `attenuation`; float32, or float64 as data
//   repairs   a row an item: clipped, dead
// Settings (keys in a pipeline file)
//   attenuation [1/px]   a, of matter that has the value 1, > 0; by default 1, and y is "1"
//   floor [1]            least ratio that is believed, in (0, 1)             default 1e-4
//
// Errors
//   ShapeError   data is complex; flat or dark has other axes, sizes, units or items (while planning)
//   Error        a sample is not finite
//
// Cost      a few operations a sample; memory: five times data.

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

namespace pellucid {
namespace {

class Absorbance final : public Stage {
 public:
  struct Settings {
    std::optional<double> attenuation;  // 1/px
    double floor = 1e-4;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"attenuation", &Settings::attenuation, "1/px", "a, of matter that has the value 1",
         positive()},
        {"floor", &Settings::floor, "1", "least ratio that is believed", between(0.0, 1.0)},
    };
    return rows;
  }

  static constexpr In<Tensor> data{"data", "radiographs"};
  static constexpr In<Tensor> flat{"flat", "frames of the open beam", optional};
  static constexpr In<Tensor> dark{"dark", "frames without beam", optional};
  static constexpr Out<Tensor> y{"y", "line integrals"};
  static constexpr Out<Table> repairs{"repairs", "samples that could not be believed"};
  static const Ports& ports() {
    static const Ports all{data, flat, dark, y, repairs};
    return all;
  }

  explicit Absorbance(Settings settings) : settings_(settings) {}

  void infer(const Inputs& in, Specs& out) const override {
    Spec spec = in.spec(data);
    if (at::isComplexType(spec.dtype)) throw ShapeError("'data' must be real, got " + spec.text());
    for (const auto* frames : {&flat, &dark})
      if (in.has(*frames)) require_frames(spec, in.spec(*frames), frames->name);
    spec.dtype = dtype(spec);
    spec.unit = settings_.attenuation ? "px" : "1";
    out[y] = spec;
    out[repairs] = {spec.items, 1, columns()};
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Spec& spec = in.spec(data);
    const Tensor given = in[data].to(dtype(spec));
    const Tensor black = in.has(dark) ? averaged(in, dark, spec) : at::zeros({1}, given.options());
    const Tensor white = in.has(flat) ? averaged(in, flat, spec) : at::ones({1}, given.options());
    for (const Tensor& part : {given, black, white})
      if (!part.isfinite().all().item<bool>())
        throw Error("radiographs, flat and dark frames must be finite, found inf or nan");

    const Tensor open = white - black;
    const Tensor alive = open > 0;
    Tensor ratio = (given - black).div_(at::where(alive, open, 1.0));
    const Tensor clipped = at::logical_and(ratio < settings_.floor, alive);
    const Tensor dead = alive.logical_not().expand_as(ratio);
    ratio.clamp_min_(settings_.floor).masked_fill_(dead, 1.0);
    out[y] = ratio.log_().mul_(-1 / settings_.attenuation.value_or(1.0));

    Table table(columns());
    std::int64_t worst = 0;
    for (std::int64_t row = 0; row < given.size(0); ++row) {
      table.add(in.item(row),
                {clipped[row].sum().item<std::int64_t>(), dead[row].sum().item<std::int64_t>()});
      worst += clipped[row].sum().item<std::int64_t>() + dead[row].sum().item<std::int64_t>();
    }
    if (worst > 0)
      context.log(Context::Level::warning,
                  std::to_string(worst) + " of " + std::to_string(given.numel()) +
                      " samples are below the floor or of dead detectors; see 'repairs'");
    out[repairs] = std::move(table);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Spec& spec = in.spec(data);
    const std::int64_t samples = spec.items * spec.item_numel();
    std::int64_t bytes = 4 * samples * (spec.dtype == at::kDouble ? 8 : 4);
    for (const auto* frames : {&flat, &dark})
      if (in.has(*frames)) bytes += 2 * in.spec(*frames).bytes();
    return bytes;
  }

 private:
  static std::vector<Column> columns() {
    return {{"clipped", Column::Type::integer, "1", 0, "samples below the floor"},
            {"dead", Column::Type::integer, "1", 0, "samples where flat is not above dark"}};
  }

  static at::ScalarType dtype(const Spec& spec) {
    return spec.dtype == at::kDouble ? at::kDouble : at::kFloat;
  }

  static void require_frames(const Spec& data, const Spec& frames, const std::string& name) {
    std::vector<std::int64_t> shape = frames.shape;
    const std::size_t a = frames.axes.find('a');
    if (a != std::string::npos && frames.axes == data.axes) shape[a] = data.shape[a];
    if (frames.axes != data.axes || shape != data.shape || at::isComplexType(frames.dtype))
      throw ShapeError("'" + name + "' must be real and agree with 'data' but in how many frames " +
                       "its axis a has, got " + frames.text() + " and " + data.text());
    if (frames.items != 1 && frames.items != data.items)
      throw ShapeError("'" + name + "' must have one item or as many as 'data', got " +
                       std::to_string(frames.items) + " and " + std::to_string(data.items));
    require_same_unit(frames, name, data, "data");
  }

  Tensor averaged(const Inputs& in, const In<Tensor>& frames, const Spec& data) const {
    const Tensor given = in[frames].to(dtype(data));
    const std::size_t a = data.axes.find('a');
    if (a == std::string::npos) return given;
    return given.mean(std::int64_t(a) + 1, /*keepdim=*/true);
  }

  Settings settings_;
};

}  // namespace

PELLUCID_COMPONENT(Absorbance, "Line integrals from radiographs, with flat and dark frames");

}  // namespace pellucid
