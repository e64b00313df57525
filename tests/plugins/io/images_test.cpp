// Pictures written by libpng, libjpeg and libtiff, read by images.

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include <jpeglib.h>
#include <png.h>
#include <tiffio.h>

#include <ATen/ATen.h>

#include <pellucid/testing.h>

#include "base/temporary_folder.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

using testing::message_of;
using testing::Settings;

Tensor read(const std::string& path, Settings settings = {}, std::int64_t first = 0,
            std::int64_t count = -1) {
  settings.push_back({"path", path});
  const Outputs out = testing::run_stage("io/images", settings, {}, first, count);
  return out[Out<Tensor>{"images", ""}];
}

Spec spec_of_files(const std::string& path, Settings settings = {}) {
  settings.push_back({"path", path});
  const auto component = testing::load_component("io/images", settings);
  Specs out;
  dynamic_cast<const Worker&>(*component).infer({}, out);
  return std::get<Spec>(out.all().at("images"));
}

/// Rows as they stand in a PNG file.
struct Png {
  int colour_type = PNG_COLOR_TYPE_GRAY;
  int depth = 8;
  int interlace = PNG_INTERLACE_NONE;
  std::vector<png_color> palette = {};
};

void write_png(const fs::path& file, std::uint32_t height, std::uint32_t width, const Png& kind,
               const std::vector<std::uint8_t>& bytes) {
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, stream);
  png_set_IHDR(png, info, width, height, kind.depth, kind.colour_type, kind.interlace,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!kind.palette.empty())
    png_set_PLTE(png, info, kind.palette.data(), static_cast<int>(kind.palette.size()));
  png_write_info(png, info);
  std::vector<png_bytep> rows;
  for (std::uint32_t y = 0; y < height; ++y)
    rows.push_back(const_cast<png_bytep>(bytes.data() + y * bytes.size() / height));
  png_write_image(png, rows.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  std::fclose(stream);
}

void write_jpeg(const fs::path& file, int height, int width, int channels,
                std::vector<std::uint8_t> pixels) {
  std::FILE* stream = std::fopen(file.c_str(), "wb");
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_stdio_dest(&jpeg, stream);
  jpeg.image_height = static_cast<JDIMENSION>(height);
  jpeg.image_width = static_cast<JDIMENSION>(width);
  jpeg.input_components = channels;
  jpeg.in_color_space = channels == 3 ? JCS_RGB : channels == 4 ? JCS_CMYK : JCS_GRAYSCALE;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg_start_compress(&jpeg, TRUE);
  for (int y = 0; y < height; ++y) {
    JSAMPROW row = pixels.data() + y * width * channels;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  std::fclose(stream);
}

/// Samples as libtiff takes them, whatever the layout.
struct Tiff {
  int bits = 8;
  int format = SAMPLEFORMAT_UINT;
  int channels = 1;
  int photometric = PHOTOMETRIC_MINISBLACK;
  bool planes = false;
  int tile = 0;
  int transparent = 0;
};

template <class Sample>
void add_page(TIFF* tiff, std::uint32_t height, std::uint32_t width, const Tiff& kind,
              const std::vector<Sample>& samples) {
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, kind.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, kind.channels);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, kind.format);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, kind.photometric);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
               kind.planes ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  if (kind.transparent) {
    const std::uint16_t alpha = EXTRASAMPLE_UNASSALPHA;
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &alpha);
  }
  const std::uint32_t parts = kind.planes ? kind.channels : 1, stored = kind.channels / parts;
  if (kind.tile) {
    const auto side = static_cast<std::uint32_t>(kind.tile);
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, side);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, side);
    for (std::uint32_t part = 0; part < parts; ++part)
      for (std::uint32_t top = 0; top < height; top += side)
        for (std::uint32_t left = 0; left < width; left += side) {
          std::vector<Sample> tile(side * side * stored);
          for (std::uint32_t y = top; y < std::min(top + side, height); ++y)
            for (std::uint32_t x = left; x < std::min(left + side, width); ++x)
              for (std::uint32_t s = 0; s < stored; ++s)
                tile[((y - top) * side + x - left) * stored + s] =
                    samples[((part * height + y) * width + x) * stored + s];
          TIFFWriteTile(tiff, tile.data(), left, top, 0, static_cast<std::uint16_t>(part));
        }
  } else {
    for (std::uint32_t part = 0; part < parts; ++part)
      for (std::uint32_t y = 0; y < height; ++y)
        TIFFWriteScanline(
            tiff, const_cast<Sample*>(samples.data() + (part * height + y) * width * stored), y,
            static_cast<std::uint16_t>(part));
  }
  TIFFWriteDirectory(tiff);
}

template <class Sample>
void write_tiff(const fs::path& file, std::uint32_t height, std::uint32_t width, const Tiff& kind,
                const std::vector<Sample>& samples, int pages = 1, const char* mode = "w") {
  TIFF* tiff = TIFFOpen(file.c_str(), mode);
  for (int page = 0; page < pages; ++page) {
    const auto size = samples.size() / static_cast<std::size_t>(pages);
    const auto first = samples.begin() + static_cast<std::ptrdiff_t>(page * size);
    add_page(tiff, height, width, kind,
             std::vector<Sample>(first, first + static_cast<std::ptrdiff_t>(size)));
  }
  TIFFClose(tiff);
}

template <class Sample>
std::vector<Sample> counted(std::size_t count, double step) {
  std::vector<Sample> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<Sample>(double(i) * step);
  return values;
}

/// Interleaved samples as planes of float64, (c, h, w).
template <class Sample>
Tensor planes(const std::vector<Sample>& samples, std::int64_t h, std::int64_t w, std::int64_t c) {
  const Tensor flat = at::empty({h, w, c}, at::kDouble);
  std::copy(samples.begin(), samples.end(), flat.mutable_data_ptr<double>());
  return flat.permute({2, 0, 1});
}

void cut(const fs::path& file, double share) {
  fs::resize_file(file, static_cast<std::uintmax_t>(double(fs::file_size(file)) * share));
}

TEST(Images, reads_png_of_every_depth_as_the_unit_range) {
  const TemporaryFolder folder;
  const auto bytes = counted<std::uint8_t>(4 * 6 * 3, 3);
  write_png(folder / "rgb.png", 4, 6, {PNG_COLOR_TYPE_RGB}, bytes);
  EXPECT_TRUE(
      at::equal(read(folder.text("rgb.png"))[0], planes(bytes, 4, 6, 3).to(at::kFloat) / 255));
  write_png(folder / "interlaced.png", 4, 6, {PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_ADAM7}, bytes);
  EXPECT_TRUE(at::equal(read(folder.text("interlaced.png")), read(folder.text("rgb.png"))));

  const auto deep = counted<std::uint8_t>(4 * 6 * 2, 5);  // big-endian pairs
  write_png(folder / "deep.png", 4, 6, {PNG_COLOR_TYPE_GRAY, 16}, deep);
  const Tensor x = read(folder.text("deep.png"));
  EXPECT_EQ(x.sizes(), at::IntArrayRef({1, 1, 4, 6}));
  EXPECT_FLOAT_EQ(x[0][0][0][3].item<float>(), float(deep[6] * 256 + deep[7]) / 65535);

  write_png(folder / "bits.png", 1, 8, {PNG_COLOR_TYPE_GRAY, 1}, {0b10100101});
  EXPECT_TRUE(at::equal(read(folder.text("bits.png"))[0][0][0],
                        at::tensor({1, 0, 1, 0, 0, 1, 0, 1}).to(at::kFloat)));
}

TEST(Images, expands_palettes_and_drops_transparency) {
  const TemporaryFolder folder;
  write_png(folder / "palette.png", 1, 2,
            {PNG_COLOR_TYPE_PALETTE, 8, 0, {{255, 0, 51}, {0, 102, 0}}}, {1, 0});
  EXPECT_TRUE(
      at::allclose(read(folder.text("palette.png"))[0],
                   at::tensor({0.0, 1.0, 0.4, 0.0, 0.0, 0.2}).view({3, 1, 2}).to(at::kFloat)));
  write_png(folder / "alpha.png", 1, 2, {PNG_COLOR_TYPE_RGBA}, {255, 0, 51, 9, 0, 102, 0, 8});
  EXPECT_EQ(read(folder.text("alpha.png")).sizes(), at::IntArrayRef({1, 3, 1, 2}));
  write_png(folder / "grey_alpha.png", 1, 2, {PNG_COLOR_TYPE_GRAY_ALPHA}, {255, 7, 51, 9});
  EXPECT_TRUE(at::allclose(read(folder.text("grey_alpha.png")).flatten(),
                           at::tensor({1.0, 0.2}).to(at::kFloat)));
}

TEST(Images, reads_jpeg) {
  const TemporaryFolder folder;
  write_jpeg(folder / "grey.jpg", 16, 24, 1, std::vector<std::uint8_t>(16 * 24, 51));
  EXPECT_TRUE(at::allclose(read(folder.text("grey.jpg")), at::full({1, 1, 16, 24}, 0.2f)));
  auto smooth = counted<std::uint8_t>(16 * 24 * 3, 0.2);
  write_jpeg(folder / "rgb.jpg", 16, 24, 3, smooth);
  // Quality 100 still rounds to whole numbers, before and after the change of colours.
  EXPECT_LT((read(folder.text("rgb.jpg"))[0] - planes(smooth, 16, 24, 3) / 255)
                .abs()
                .max()
                .item<double>(),
            6.0 / 255);
}

TEST(Images, reads_tiff_of_every_layout) {
  const TemporaryFolder folder;
  const auto check = [&](const Tiff& kind, const auto& samples, const Tensor& expected,
                         const char* mode = "w") {
    write_tiff(folder / "x.tif", 20, 18, kind, samples, 1, mode);
    EXPECT_TRUE(
        at::equal(read(folder.text("x.tif"))[0], expected.to(read(folder.text("x.tif")).dtype())))
        << kind.bits << " bits, tile " << kind.tile << ", planes " << kind.planes;
  };
  const std::size_t count = 20 * 18;
  for (const int tile : {0, 16}) {
    const auto bytes = counted<std::uint8_t>(count, 0.7);
    check({.tile = tile}, bytes, planes(bytes, 20, 18, 1).to(at::kFloat) / 255);
    const auto words = counted<std::uint16_t>(count, 180);
    check({.bits = 16, .tile = tile}, words, planes(words, 20, 18, 1).to(at::kFloat) / 65535);
    const auto floats = counted<float>(count, -0.37);
    check({.bits = 32, .format = SAMPLEFORMAT_IEEEFP, .tile = tile}, floats,
          planes(floats, 20, 18, 1));
    const auto doubles = counted<double>(count, 1e-9);
    check({.bits = 64, .format = SAMPLEFORMAT_IEEEFP, .tile = tile}, doubles,
          planes(doubles, 20, 18, 1), "w8");
    const auto colours = counted<std::uint8_t>(count * 3, 0.2);
    const Tensor interleaved = planes(colours, 20, 18, 3).to(at::kFloat) / 255;
    check({.channels = 3, .photometric = PHOTOMETRIC_RGB, .tile = tile}, colours, interleaved,
          "wb");
    const Tensor apart = planes(colours, 60, 18, 1).to(at::kFloat).view({3, 20, 18}) / 255;
    check({.channels = 3, .photometric = PHOTOMETRIC_RGB, .planes = true, .tile = tile}, colours,
          apart);
  }
  const auto bytes = counted<std::uint8_t>(count, 0.7);
  check({.photometric = PHOTOMETRIC_MINISWHITE}, bytes,
        1 - planes(bytes, 20, 18, 1).to(at::kFloat) / 255);
  const auto four = counted<std::uint8_t>(count * 4, 0.15);
  check({.channels = 4, .photometric = PHOTOMETRIC_RGB, .transparent = 1}, four,
        planes(four, 20, 18, 4).narrow(0, 0, 3).to(at::kFloat) / 255);
}

TEST(Images, makes_items_or_a_volume_of_the_pages_of_a_tiff_file) {
  const TemporaryFolder folder;
  const Tiff kind{.bits = 32, .format = SAMPLEFORMAT_IEEEFP};
  const auto all = counted<float>(3 * 4 * 5, 0.5);
  write_tiff(folder / "a.tif", 4, 5, kind, all, 3);
  write_tiff(folder / "b.tif", 4, 5, kind, counted<float>(2 * 4 * 5, 2), 2);
  const Tensor expected = planes(all, 12, 5, 1).view({3, 1, 4, 5}).to(at::kFloat);
  const Tensor both = read(folder.text("*.tif"));
  EXPECT_EQ(both.size(0), 5);
  EXPECT_TRUE(at::equal(both.narrow(0, 0, 3), expected));
  EXPECT_TRUE(at::equal(read(folder.text("*.tif"), {}, 2, 2), both.narrow(0, 2, 2)));

  const Tensor volume = read(folder.text("a.tif"), {{"pages", "z"}});
  EXPECT_EQ(spec_of_files(folder.text("a.tif"), {{"pages", "z"}}).axes, "czyx");
  EXPECT_TRUE(at::equal(volume, expected.transpose(0, 1).unsqueeze(0)));
}

TEST(Images, sorts_files_by_name_and_says_what_they_hold) {
  const TemporaryFolder folder;
  for (const int i : {2, 10, 1})
    write_png(folder / ("p" + std::to_string(i) + ".png"), 1, 1, {}, {std::uint8_t(i)});
  const Tensor x = read(folder.text("p*.png"));
  EXPECT_TRUE(at::allclose(x.flatten() * 255, at::tensor({1, 10, 2}).to(at::kFloat)));
  const Spec spec = spec_of_files(folder.text("p[12].png"));
  EXPECT_EQ(spec.items, 2);
  EXPECT_EQ(spec.axes, "chw");
  EXPECT_EQ(spec.unit, "1");
}

TEST(Images, crops_or_pads_pictures_of_different_sizes) {
  const TemporaryFolder folder;
  const auto wide = counted<std::uint8_t>(3 * 6, 5), tall = counted<std::uint8_t>(5 * 4, 7);
  write_png(folder / "a.png", 3, 6, {}, wide);
  write_png(folder / "b.png", 5, 4, {}, tall);
  const std::string both = folder.text("*.png");
  EXPECT_EQ(message_of<ShapeError>([&] { read(both); }),
            "test.yaml:1:1: pictures of different sizes: 1 of 3x6 (as 'a.png'), 1 of 5x4 (as "
            "'b.png'); choose fit: crop, fit: pad, or one size, as in fit: {group: [3, 6]}, or a "
            "narrower pattern");
  const Tensor a = planes(wide, 3, 6, 1).to(at::kFloat) / 255,
               b = planes(tall, 5, 4, 1).to(at::kFloat) / 255;
  const Tensor cropped = read(both, {{"fit", "crop"}});
  EXPECT_TRUE(at::equal(cropped[0], a.narrow(2, 1, 4)));
  EXPECT_TRUE(at::equal(cropped[1], b.narrow(1, 1, 3)));
  const Tensor padded = read(both, {{"fit", "pad"}});
  EXPECT_TRUE(at::equal(padded[0].narrow(1, 1, 3), a));
  EXPECT_TRUE(at::equal(padded[0].select(1, 0), a.select(1, 1)));  // reflected
  EXPECT_TRUE(at::equal(padded[1].select(2, 0), b.select(2, 1)));
}

TEST(Images, takes_the_pictures_of_one_size) {
  const TemporaryFolder folder;
  const auto wide = counted<std::uint8_t>(3 * 5, 5), tall = counted<std::uint8_t>(5 * 3, 7);
  write_png(folder / "a.png", 3, 5, {}, wide);
  write_png(folder / "b.png", 5, 3, {}, tall);
  write_png(folder / "c.png", 3, 5, {}, tall);
  const std::string all = folder.text("*.png");
  const auto group = [](Value size) { return Value::map({{"group", std::move(size)}}); };
  const Tensor x = read(all, {{"fit", group(Value::list({3, 5}))}});
  EXPECT_TRUE(at::equal(x[0], planes(wide, 3, 5, 1).to(at::kFloat) / 255));
  EXPECT_TRUE(at::equal(x[1], planes(tall, 3, 5, 1).to(at::kFloat) / 255));
  EXPECT_EQ(x.size(0), 2);
  EXPECT_EQ(spec_of_files(all, {{"fit", group(Value::list({5, 3}))}}).items, 1);
  EXPECT_EQ(read(folder.text("[ac].png"), {{"fit", "group"}}).size(0), 2);
  EXPECT_EQ(message_of<ShapeError>([&] {
              read(all, {{"fit", group(Value::list({4, 4}))}});
            }),
            "test.yaml:1:1: no picture has the size 4x4 of the group; there are 2 of 3x5 (as "
            "'a.png'), 1 of 5x3 (as 'b.png')");
  EXPECT_EQ(message_of<ShapeError>([&] {
              read(all, {{"fit", "group"}});
            }),
            "test.yaml:1:1: pictures of different sizes: 2 of 3x5 (as 'a.png'), 1 of 5x3 (as "
            "'b.png'); choose one size, as in fit: {group: [3, 5]}, or a narrower pattern");
  EXPECT_EQ(message_of<ConfigError>([&] {
              read(all, {{"fit", group(3)}});
            }),
            "test.yaml:1:1: 'size' must have 2 entries, got 1");
}

TEST(Images, notices_a_file_that_is_replaced_after_it_was_planned) {
  const TemporaryFolder folder;
  const auto few = counted<std::uint8_t>(4 * 6 * 3, 1),
             many = counted<std::uint8_t>(40 * 60 * 3, 0.01);
  const auto write = [&](const std::string& kind, std::uint32_t h, std::uint32_t w, int channels) {
    const fs::path file = folder / ("x." + kind);
    const auto& samples = h * w > 100 ? many : few;
    if (kind == "png")
      write_png(file, h, w, {channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY},
                {samples.begin(), samples.begin() + h * w * static_cast<std::uint32_t>(channels)});
    else if (kind == "jpg")
      write_jpeg(file, static_cast<int>(h), static_cast<int>(w), channels, samples);
    else
      write_tiff(file, h, w,
                 {.channels = channels,
                  .photometric = channels == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK},
                 samples);
    return file.string();
  };
  for (const char* kind : {"png", "jpg", "tif"}) {
    const auto after = [&](std::uint32_t h, std::uint32_t w, int channels) {
      const std::string file = write(kind, 4, 6, 1);
      const auto component = testing::load_component("io/images", {{"path", file}});
      const auto& images = dynamic_cast<const Stage&>(*component);
      Specs planned;
      images.infer({}, planned);
      write(kind, h, w, channels);
      Inputs in;
      in.set_block({0, 1, {}});
      Outputs out;
      return message_of<Error>([&] { images.process(in, out, *testing::context()); });
    };
    const std::string start = "item 0 cannot be read from '" + (folder / "x.").string() + kind +
                              "': it was 4 x 6 with 1 channel of whole numbers when the plan was "
                              "made and is ",
                      end = " of whole numbers; start again, so that it is planned as it is";
    EXPECT_EQ(after(40, 60, 1), start + "40 x 60 with 1 channel" + end);
    EXPECT_EQ(after(2, 3, 1), start + "2 x 3 with 1 channel" + end);
    EXPECT_EQ(after(4, 6, 3), start + "4 x 6 with 3 channels" + end);
    EXPECT_EQ(after(4, 6, 1), "no error") << kind;
  }
}

TEST(Images, notices_a_tiff_file_that_is_replaced_by_one_of_other_samples) {
  const TemporaryFolder folder;
  const std::string file = folder.text("x.tif");
  write_tiff(folder / "x.tif", 4, 6, {}, counted<std::uint8_t>(24, 1));
  const auto component = testing::load_component("io/images", {{"path", file}});
  const auto& images = dynamic_cast<const Stage&>(*component);
  Specs planned;
  images.infer({}, planned);
  write_tiff(folder / "x.tif", 4, 6, {.bits = 64, .format = SAMPLEFORMAT_IEEEFP},
             counted<double>(24, 1));
  Inputs in;
  in.set_block({0, 1, {}});
  Outputs out;
  EXPECT_NE(message_of<Error>([&] {
              images.process(in, out, *testing::context());
            }).find("and is 4 x 6 with 1 channel of float64"),
            std::string::npos);
}

TEST(Images, names_file_and_item_of_damaged_pixels) {
  const TemporaryFolder folder;
  const std::vector<std::uint8_t> noise = [] {
    std::vector<std::uint8_t> bytes(64 * 64 * 3);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::uint8_t(i * i * 31 + i / 7);
    return bytes;
  }();
  write_jpeg(folder / "a.jpg", 64, 64, 3, noise);
  write_jpeg(folder / "b.jpg", 64, 64, 3, noise);
  cut(folder / "b.jpg", 0.5);
  EXPECT_EQ(message_of<Error>([&] { read(folder.text("*.jpg")); }),
            "test.yaml:1:1: item 1 cannot be read from '" + folder.text("b.jpg") +
                "': the JPEG data are damaged or incomplete (Premature end of JPEG file)");
  write_png(folder / "c.png", 64, 64, {PNG_COLOR_TYPE_RGB}, noise);
  cut(folder / "c.png", 0.5);
  EXPECT_EQ(message_of<Error>([&] { read(folder.text("c.png")); }),
            "test.yaml:1:1: item 0 cannot be read from '" + folder.text("c.png") +
                "': the PNG data are damaged or incomplete (Read Error)");
  write_tiff(folder / "d.tif", 64, 64, {.channels = 3, .photometric = PHOTOMETRIC_RGB}, noise);
  {
    // Directories stand at the end of a file, so its middle is what can be missing.
    std::fstream file(folder / "d.tif", std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4);
    file.write("\xff\xff\xff\x00", 4);
  }
  EXPECT_NE(message_of<ConfigError>([&] {
              read(folder.text("d.tif"));
            }).find("the TIFF data are damaged"),
            std::string::npos);
}

TEST(Images, survives_files_cut_at_any_place) {
  const TemporaryFolder folder;
  const auto bytes = counted<std::uint8_t>(16 * 16 * 3, 0.3);
  write_png(folder / "x.png", 16, 16, {PNG_COLOR_TYPE_RGB}, bytes);
  write_jpeg(folder / "x.jpg", 16, 16, 3, bytes);
  write_tiff(folder / "x.tif", 16, 16, {.channels = 3, .photometric = PHOTOMETRIC_RGB}, bytes);
  for (const char* name : {"x.png", "x.jpg", "x.tif"}) {
    const auto size = fs::file_size(folder / name);
    for (std::uintmax_t length = 0; length + 1 < size; length += 1 + size / 60) {
      fs::copy_file(folder / name, folder / "cut", fs::copy_options::overwrite_existing);
      fs::resize_file(folder / "cut", length);
      EXPECT_THROW(read(folder.text("cut")), Error) << name << " cut to " << length;
    }
  }
}

TEST(Images, refuses_what_it_does_not_read_by_name) {
  const TemporaryFolder folder;
  std::ofstream(folder / "notes.png") << "not a picture";
  EXPECT_EQ(message_of<ConfigError>([&] { read(folder.text("notes.png")); }),
            "test.yaml:1:1: '" + folder.text("notes.png") +
                "' cannot be read: it is not a PNG, JPEG or TIFF file");
  EXPECT_EQ(message_of<ConfigError>([&] { read(folder.text("*.jpg")); }),
            "test.yaml:1:1: no file matches '" + folder.text("*.jpg") + "'");
  EXPECT_EQ(message_of<ConfigError>([&] { read(folder.text("")); }),
            "test.yaml:1:1: '" + folder.text("") +
                "' is a folder; name its pictures by a pattern such as '" + folder.text("*.png") +
                "'");
  write_jpeg(folder / "cmyk.jpg", 8, 8, 4, std::vector<std::uint8_t>(8 * 8 * 4, 9));
  EXPECT_EQ(
      message_of<ConfigError>([&] { read(folder.text("cmyk.jpg")); }),
      "test.yaml:1:1: '" + folder.text("cmyk.jpg") +
          "' cannot be read: JPEG files of 4 colour components (CMYK) are not read; convert it "
          "to RGB");
  write_tiff(folder / "signed.tif", 2, 2, {.bits = 16, .format = SAMPLEFORMAT_INT},
             std::vector<std::int16_t>(4, -1));
  EXPECT_EQ(
      message_of<ConfigError>([&] { read(folder.text("signed.tif")); }),
      "test.yaml:1:1: '" + folder.text("signed.tif") +
          "' cannot be read: TIFF samples must be whole numbers of 8 or 16 bits or floats of 32 "
          "or 64, got 16 bits with sign");
}

TEST(Images, refuses_a_mixture_of_grey_and_colour) {
  const TemporaryFolder folder;
  write_png(folder / "a.png", 1, 1, {}, {1});
  write_png(folder / "b.png", 1, 1, {PNG_COLOR_TYPE_RGB}, {1, 2, 3});
  EXPECT_EQ(
      message_of<ShapeError>([&] { read(folder.text("*.png")); }),
      "test.yaml:1:1: channels differ: 'a.png' has 1, 'b.png' has 3; choose files that agree by "
      "a narrower pattern");
}

}  // namespace
}  // namespace pellucid
