// images: pictures from PNG, JPEG and TIFF files, sorted by name.
//
//   whole numbers of 8 or 16 bits become float32 in [0, 1] (divided by 255 or 65535), unit [1];
//   floats of TIFF files keep their values, without a unit
//   images: (c, h, w), grey has c = 1; with pages: z (c, z, y, x), a file a volume
//
// Outputs
//   images   an item a picture, a page, or a tile of it
// Settings (keys in a pipeline file)
//   path    a file, or a pattern with * ? [..], also in the names of folders       required
//   pages   what the pages of a TIFF file are: items or z                          default items
//   fit     what to do where sizes differ, which is an error without it
//           crop: the centre of the smallest height and width
//           pad: by reflection on all sides to the largest
//           group: size [px], two entries >= 1, height and width; only files of this size are
//           taken; without a size all must have one, and the error lists those that there are
//           tiles: size [px], two entries >= 1, height and width, required; each picture is cut
//           into as few tiles of this size as cover it, which overlap where they must
//
// Errors
//   ConfigError  no file matches, or one is not a picture that can be read (while planning)
//   ShapeError   sizes, channels or kinds of samples differ, no file has the size of the group, or
//                one is smaller than a tile (while planning)
//   Error        the pixels of a file are damaged or incomplete: names file and item
//
// Accuracy  pixels stand as stored: gamma, colour profiles and EXIF orientation are ignored;
//           palettes become RGB, transparency is dropped.
// Cost      planning reads the header of each file; running decodes one file after the other.

#include <glob.h>

#include <algorithm>
#include <map>
#include <mutex>

#include <ATen/ATen.h>

#include <pellucid/numerics/border.h>
#include <pellucid/plugin.h>

#include "picture.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

enum class Pages { items, z };

std::vector<std::pair<std::string, Pages>> enumerators(Pages) {
  return {{"items", Pages::items}, {"z", Pages::z}};
}

struct Crop {
  static constexpr const char* name = "crop";
  static constexpr const char* summary = "the centre of the smallest height and width";
};

struct Pad {
  static constexpr const char* name = "pad";
  static constexpr const char* summary = "by reflection on all sides to the largest";
};

struct Group {
  static constexpr const char* name = "group";
  static constexpr const char* summary = "only the files of one size";
  std::optional<std::vector<std::int64_t>> size;  // px
  static const Schema<Group>& schema() {
    static const Schema<Group> rows{
        {"size", &Group::size, "px", "height and width of the files to take", at_least(1),
         count(2, 2)},
    };
    return rows;
  }
};

struct Tiles {
  static constexpr const char* name = "tiles";
  static constexpr const char* summary = "as few tiles of one size as cover a picture";
  std::vector<std::int64_t> size;  // px
  static const Schema<Tiles>& schema() {
    static const Schema<Tiles> rows{
        {"size", &Tiles::size, "px", "height and width of a tile", at_least(1), count(2, 2),
         required()},
    };
    return rows;
  }
};

struct File {
  fs::path path;
  PictureHeader header;
  std::int64_t first_item = 0;
  std::int64_t rows = 1, columns = 1;  // of tiles
};

/// Where tile number `index` of `count` begins, so that together they cover `whole` evenly.
std::int64_t tile_offset(std::int64_t index, std::int64_t count, std::int64_t tile,
                         std::int64_t whole) {
  return count == 1 ? 0 : index * (whole - tile) / (count - 1);
}

/// What the pattern found, and what its items will be.
struct Listing {
  std::vector<File> files;
  std::vector<File> left_out;  // of other sizes than the group's
  Spec spec;
};

std::vector<fs::path> matching_files(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored))
    throw ConfigError("'" + path.string() +
                      "' is a folder; name its pictures by a pattern such as '" +
                      (path / "*.png").string() + "'");
  if (fs::exists(path, ignored)) return {path};
  std::vector<fs::path> files;
  glob_t found{};
  if (::glob(path.c_str(), 0, nullptr, &found) == 0)
    for (std::size_t i = 0; i < found.gl_pathc; ++i)
      if (!fs::is_directory(found.gl_pathv[i], ignored)) files.emplace_back(found.gl_pathv[i]);
  ::globfree(&found);
  if (files.empty()) throw ConfigError("no file matches '" + path.string() + "'");
  std::sort(files.begin(), files.end());
  return files;
}

/// "44 of 481x321 (as 'a.png'), 3 of 321x481 (as 'b.png')", largest group first.
std::string sizes_text(const std::vector<File>& files) {
  std::map<std::string, std::vector<const File*>> groups;
  for (const File& file : files)
    groups[shape_text({file.header.height, file.header.width})].push_back(&file);
  std::vector<std::pair<std::string, std::vector<const File*>>> sorted(groups.begin(),
                                                                       groups.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  std::string text;
  for (std::size_t i = 0; i < sorted.size() && i < 6; ++i)
    text += (i ? ", " : "") + std::to_string(sorted[i].second.size()) + " of " + sorted[i].first +
            " (as '" + sorted[i].second.front()->path.filename().string() + "')";
  if (sorted.size() > 6) text += " and " + std::to_string(sorted.size() - 6) + " other sizes";
  return text;
}

class Images final : public Stage {
 public:
  struct Settings {
    fs::path path;
    Pages pages = Pages::items;
    std::optional<std::variant<Crop, Pad, Group, Tiles>> fit;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"path", &Settings::path, "", "a file, or a pattern with * ? [..]", required()},
        {"pages", &Settings::pages, "", "what the pages of a TIFF file are"},
        {"fit", &Settings::fit, "", "what to do where sizes differ; an error without it"},
    };
    return rows;
  }

  static constexpr Out<Tensor> images{"images", "an item a picture"};
  static const Ports& ports() {
    static const Ports all{images};
    return all;
  }

  explicit Images(Settings settings) : settings_(std::move(settings)) {}

  void infer(const Inputs&, Specs& out) const override { out[images] = listing().spec; }

  void prepare(const Inputs&, Context& context) override {
    const Listing& all = listing();
    if (!all.left_out.empty())
      context.log(Context::Level::info, "left out of the group: " + sizes_text(all.left_out));
  }

  void process(const Inputs& in, Outputs& out, Context& context) const override {
    const Spec& spec = listing().spec;
    const Block& block = in.block();
    std::vector<Tensor> items;
    Page page;
    Tensor whole;
    for (std::int64_t item = block.first; item < block.first + block.count; ++item) {
      context.stop_if_cancelled();
      // Tiles of a page follow one another.
      const Page wanted = page_of(item);
      if (!whole.defined() || !(wanted == page)) whole = decoded(wanted, item);
      page = wanted;
      Tensor picture = fits<Tiles>() ? tile_of(whole, *wanted.file, item) : fitted(whole, spec);
      if (block.region)
        for (std::int64_t a = 0; a < picture.dim(); ++a)
          picture = picture.narrow(a, block.region->offset[a], block.region->size[a]);
      items.push_back(picture);
    }
    out[images] = items.size() == 1 ? items[0].unsqueeze(0).contiguous() : at::stack(items);
  }

  std::optional<std::vector<std::int64_t>> halo(const Inputs&) const override {
    return std::vector<std::int64_t>(listing().spec.shape.size(), 0);
  }

  std::int64_t working_bytes(const Inputs& in) const override {
    const Listing& all = listing();
    std::int64_t most = 0;
    for (const File& file : all.files) {
      const std::int64_t planes = file.header.samples() * (file.header.wide ? 8 : 4);
      const std::int64_t pages = settings_.pages == Pages::z ? file.header.pages : 1;
      most = std::max(most, file.header.working_bytes + planes * pages);
    }
    // The pictures of a block before they are stacked, and one more that is being fitted.
    return most + (in.block().count + 1) * all.spec.item_bytes();
  }

 private:
  const Listing& listing() const {
    std::call_once(listed_, [this] { listing_ = list(); });
    return listing_;
  }

  Listing list() const {
    Listing all;
    for (const fs::path& path : matching_files(settings_.path)) {
      try {
        all.files.push_back({path, read_picture_header(path)});
      } catch (const Error& error) {
        throw ConfigError("'" + path.string() + "' cannot be read: " + error.sentence());
      }
    }
    if (fits<Group>()) take_group(all);
    if (fits<Tiles>()) cut(all);
    all.spec = common_spec(all.files);
    all.spec.items = 0;
    for (File& file : all.files) {
      file.first_item = all.spec.items;
      all.spec.items +=
          (settings_.pages == Pages::items ? file.header.pages : 1) * file.rows * file.columns;
    }
    return all;
  }

  template <class Way>
  bool fits() const {
    return settings_.fit && std::holds_alternative<Way>(*settings_.fit);
  }

  void take_group(Listing& all) const {
    const auto& size = std::get<Group>(*settings_.fit).size;
    if (!size) return;  // then all must have one
    const auto others =
        std::stable_partition(all.files.begin(), all.files.end(), [&size](const File& file) {
          return file.header.height == size->front() && file.header.width == size->back();
        });
    all.left_out.assign(others, all.files.end());
    all.files.erase(others, all.files.end());
    if (all.files.empty())
      throw ShapeError("no picture has the size " + shape_text(*size) +
                       " of the group; there are " + sizes_text(all.left_out));
  }

  void cut(Listing& all) const {
    const auto& size = std::get<Tiles>(*settings_.fit).size;
    for (File& file : all.files) {
      const std::int64_t height = file.header.height, width = file.header.width;
      if (height < size[0] || width < size[1])
        throw ShapeError("'" + file.path.filename().string() + "' of " +
                         shape_text({height, width}) + " is smaller than a tile of " +
                         shape_text(size) + "; choose smaller tiles, or a narrower pattern");
      file.rows = (height + size[0] - 1) / size[0];
      file.columns = (width + size[1] - 1) / size[1];
    }
  }

  Spec common_spec(const std::vector<File>& files) const {
    const PictureHeader& first = files.front().header;
    std::int64_t height = first.height, width = first.width;
    bool equal = true;
    for (const File& file : files) {
      const PictureHeader& h = file.header;
      const auto differs = [&](const std::string& what, const std::string& here,
                               const std::string& there) {
        throw ShapeError(what + " differ: '" + files.front().path.filename().string() + "' has " +
                         here + ", '" + file.path.filename().string() + "' has " + there +
                         "; choose files that agree by a narrower pattern");
      };
      if (h.channels != first.channels)
        differs("channels", std::to_string(first.channels), std::to_string(h.channels));
      if (h.whole_numbers != first.whole_numbers || h.wide != first.wide)
        differs("samples", kind_text(first), kind_text(h));
      if (settings_.pages == Pages::z && h.pages != first.pages)
        differs("numbers of pages", std::to_string(first.pages), std::to_string(h.pages));
      equal = equal && h.height == first.height && h.width == first.width;
      const bool crop = fits<Crop>();
      height = crop ? std::min(height, h.height) : std::max(height, h.height);
      width = crop ? std::min(width, h.width) : std::max(width, h.width);
    }
    if (fits<Tiles>()) {
      height = std::get<Tiles>(*settings_.fit).size[0];
      width = std::get<Tiles>(*settings_.fit).size[1];
    } else if (!equal && !fits<Crop>() && !fits<Pad>()) {
      throw ShapeError("pictures of different sizes: " + sizes_text(files) + "; choose " +
                       (fits<Group>() ? "" : "fit: crop, fit: pad, or ") +
                       "one size, as in fit: {group: [" + std::to_string(first.height) + ", " +
                       std::to_string(first.width) + "]}, or a narrower pattern");
    }
    Spec spec;
    spec.dtype = first.wide ? at::kDouble : at::kFloat;
    spec.unit = first.whole_numbers ? "1" : "";
    spec.axes = settings_.pages == Pages::z ? "czyx" : "chw";
    spec.shape = {first.channels, height, width};
    if (settings_.pages == Pages::z) spec.shape.insert(spec.shape.begin() + 1, first.pages);
    return spec;
  }

  static std::string kind_text(const PictureHeader& header) {
    if (header.whole_numbers) return "whole numbers";
    return header.wide ? "float64" : "float32";
  }

  /// What one reading of a file gives: one of its pages, or all of them as a volume.
  struct Page {
    const File* file = nullptr;
    std::int64_t number = 0;
    bool operator==(const Page&) const = default;
  };

  Page page_of(std::int64_t item) const {
    const auto& files = listing().files;
    const File& file = *std::prev(
        std::upper_bound(files.begin(), files.end(), item,
                         [](std::int64_t wanted, const File& f) { return wanted < f.first_item; }));
    return {&file, (item - file.first_item) / (file.rows * file.columns)};
  }

  /// (c, h, w) or (c, z, y, x), of the file's own size.
  Tensor decoded(const Page& wanted, std::int64_t item) const {
    const File& file = *wanted.file;
    const PictureHeader& header = file.header;
    const bool volume = settings_.pages == Pages::z;
    const std::int64_t pages = volume ? header.pages : 1;
    const Tensor planes = at::empty({pages, header.channels, header.height, header.width},
                                    header.wide ? at::kDouble : at::kFloat);
    try {
      for (std::int64_t page = 0; page < pages; ++page)
        read_picture(file.path, header, wanted.number + page, planes[page].data_ptr());
    } catch (const Error& error) {
      throw Error("item " + std::to_string(item) + " cannot be read from '" + file.path.string() +
                  "': " + error.sentence());
    }
    return volume ? planes.transpose(0, 1) : planes[0];
  }

  Tensor tile_of(const Tensor& page, const File& file, std::int64_t item) const {
    const auto& size = std::get<Tiles>(*settings_.fit).size;
    const std::int64_t tile = (item - file.first_item) % (file.rows * file.columns);
    const std::int64_t top =
        tile_offset(tile / file.columns, file.rows, size[0], file.header.height);
    const std::int64_t left =
        tile_offset(tile % file.columns, file.columns, size[1], file.header.width);
    return page.narrow(-2, top, size[0]).narrow(-1, left, size[1]);
  }

  /// Cut or continued to the size of all, equally on both sides.
  static Tensor fitted(Tensor picture, const Spec& spec) {
    std::vector<std::int64_t> before(2, 0), after(2, 0);
    for (std::size_t a = 0; a < 2; ++a) {
      const auto axis = static_cast<std::int64_t>(a) - 2;
      const std::int64_t wanted = spec.shape[spec.shape.size() - 2 + a];
      const std::int64_t missing = wanted - picture.size(axis);
      if (missing < 0) picture = picture.narrow(axis, -missing / 2, wanted);
      before[a] = std::max<std::int64_t>(0, missing / 2);
      after[a] = std::max<std::int64_t>(0, missing) - before[a];
    }
    if (before == after && before == std::vector<std::int64_t>(2, 0)) return picture;
    return extended(picture, before, after, Boundary::reflect);
  }

  Settings settings_;
  mutable std::once_flag listed_;
  mutable Listing listing_;
};

}  // namespace

PELLUCID_COMPONENT(Images, "Pictures from PNG, JPEG and TIFF files");

}  // namespace pellucid
