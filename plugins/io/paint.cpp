// Pictures painted sample by sample on a finer grid, whose means are the pixels.

#include "paint.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace pellucid {
namespace {

using Colour = std::array<float, 3>;

constexpr double kTurn = 2 * std::numbers::pi;

constexpr std::array<Colour, 10> kLeafColours{{{0.93f, 0.77f, 0.42f},
                                               {0.84f, 0.45f, 0.24f},
                                               {0.62f, 0.22f, 0.20f},
                                               {0.33f, 0.14f, 0.19f},
                                               {0.16f, 0.23f, 0.30f},
                                               {0.20f, 0.39f, 0.44f},
                                               {0.42f, 0.58f, 0.47f},
                                               {0.71f, 0.78f, 0.60f},
                                               {0.60f, 0.71f, 0.80f},
                                               {0.95f, 0.91f, 0.82f}}};

/// Dark and light.
constexpr std::array<std::array<Colour, 2>, 5> kPairs{
    {{{{0.06f, 0.06f, 0.08f}, {0.96f, 0.95f, 0.92f}}},
     {{{0.10f, 0.16f, 0.30f}, {0.97f, 0.88f, 0.66f}}},
     {{{0.32f, 0.09f, 0.14f}, {0.94f, 0.90f, 0.84f}}},
     {{{0.06f, 0.24f, 0.26f}, {0.90f, 0.94f, 0.86f}}},
     {{{0.20f, 0.12f, 0.30f}, {0.98f, 0.84f, 0.74f}}}}};

float luminance(const Colour& c) { return 0.299f * c[0] + 0.587f * c[1] + 0.114f * c[2]; }

Colour mixed(const Colour& a, const Colour& b, float share) {
  return {a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), a[2] + share * (b[2] - a[2])};
}

std::size_t chosen(const Draw& draw, std::size_t count) {
  return std::min(count - 1, static_cast<std::size_t>(draw() * double(count)));
}

/// Samples a pixel along each axis, and their means put into the canvas.
class Grid {
 public:
  Grid(const Canvas& canvas, std::int64_t fineness)
      : canvas_(canvas),
        fineness_(fineness),
        samples_(static_cast<std::size_t>(height() * width()), Colour{}) {}

  std::int64_t height() const { return canvas_.height * fineness_; }
  std::int64_t width() const { return canvas_.width * fineness_; }
  Colour& at(std::int64_t y, std::int64_t x) {
    return samples_[static_cast<std::size_t>(y * width() + x)];
  }

  void resolve() {
    const float share = 1.0f / float(fineness_ * fineness_);
    for (std::int64_t y = 0; y < canvas_.height; ++y)
      for (std::int64_t x = 0; x < canvas_.width; ++x) {
        Colour sum{};
        for (std::int64_t i = 0; i < fineness_; ++i)
          for (std::int64_t j = 0; j < fineness_; ++j)
            for (std::size_t c = 0; c < 3; ++c)
              sum[c] += share * at(y * fineness_ + i, x * fineness_ + j)[c];
        put(y, x, sum);
      }
  }

 private:
  void put(std::int64_t y, std::int64_t x, const Colour& colour) {
    const std::int64_t plane = canvas_.height * canvas_.width, place = y * canvas_.width + x;
    if (canvas_.channels == 1) canvas_.planes[place] = std::clamp(luminance(colour), 0.0f, 1.0f);
    else
      for (std::size_t c = 0; c < 3; ++c)
        canvas_.planes[static_cast<std::int64_t>(c) * plane + place] =
            std::clamp(colour[c], 0.0f, 1.0f);
  }

  const Canvas& canvas_;
  std::int64_t fineness_;
  std::vector<Colour> samples_;
};

/// One leaf or pebble, drawn in a fixed order of random numbers.
class Leaf {
 public:
  Leaf(const Draw& draw, double height, double width) {
    const double shorter = std::min(height, width);
    const double least = std::max(2.5, 0.02 * shorter), most = 0.34 * shorter;
    const double a = 1 / (least * least), b = 1 / (most * most);
    radius_ = 1 / std::sqrt(a + draw() * (b - a));
    y_ = draw() * (height + 2 * radius_) - radius_;
    x_ = draw() * (width + 2 * radius_) - radius_;
    const double angle = draw() * kTurn;
    cosine_ = std::cos(angle);
    sine_ = std::sin(angle);
    pointed_ = draw() < 0.55;
    breadth_ = pointed_ ? 0.35 + 0.25 * draw() : 0.65 + 0.35 * draw();
    const Colour& base = kLeafColours[chosen(draw, kLeafColours.size())];
    const Colour& other = kLeafColours[chosen(draw, kLeafColours.size())];
    colour_ = mixed(base, other, 0.25f * float(draw()));
    brightness_ = 0.82 + 0.3 * draw();
    stripes_ = 4 + 14 * draw();
    strength_ = 0.12 * draw();
  }

  double radius() const { return radius_; }
  double y() const { return y_; }
  double x() const { return x_; }

  /// Colour at a place; false outside of the leaf.
  bool covers(double py, double px, Colour& colour) const {
    const double along = (cosine_ * (px - x_) + sine_ * (py - y_)) / radius_;
    const double across = (cosine_ * (py - y_) - sine_ * (px - x_)) / (radius_ * breadth_);
    const double edge =
        pointed_ ? std::abs(across) + along * along : std::sqrt(across * across + along * along);
    if (edge > 1) return false;
    // Lit from the upper left, darker towards the rim, with veins or bands.
    double light = brightness_ * (1 - 0.14 * ((px - x_) + (py - y_)) / radius_);
    light *= 1 - 0.28 * std::pow(edge, 6);
    const double veins = pointed_ ? std::abs(across) - 0.7 * along : along;
    light *= 1 + strength_ * std::sin(stripes_ * veins * 3);
    if (pointed_ && std::abs(across) * breadth_ < 0.035) light *= 0.78;
    for (std::size_t c = 0; c < 3; ++c) colour[c] = colour_[c] * float(light);
    return true;
  }

 private:
  double radius_, y_, x_, cosine_, sine_, breadth_, brightness_, stripes_, strength_;
  bool pointed_;
  Colour colour_;
};

/// Columns of 5 x 7 letters, the lowest bit at the top.
std::array<std::uint8_t, 5> letter(char c) {
  static constexpr std::array<std::array<std::uint8_t, 5>, 26> letters{
      {{0x7E, 0x11, 0x11, 0x11, 0x7E}, {0x7F, 0x49, 0x49, 0x49, 0x36},
       {0x3E, 0x41, 0x41, 0x41, 0x22}, {0x7F, 0x41, 0x41, 0x22, 0x1C},
       {0x7F, 0x49, 0x49, 0x49, 0x41}, {0x7F, 0x09, 0x09, 0x09, 0x01},
       {0x3E, 0x41, 0x49, 0x49, 0x7A}, {0x7F, 0x08, 0x08, 0x08, 0x7F},
       {0x00, 0x41, 0x7F, 0x41, 0x00}, {0x20, 0x40, 0x41, 0x3F, 0x01},
       {0x7F, 0x08, 0x14, 0x22, 0x41}, {0x7F, 0x40, 0x40, 0x40, 0x40},
       {0x7F, 0x02, 0x0C, 0x02, 0x7F}, {0x7F, 0x04, 0x08, 0x10, 0x7F},
       {0x3E, 0x41, 0x41, 0x41, 0x3E}, {0x7F, 0x09, 0x09, 0x09, 0x06},
       {0x3E, 0x41, 0x51, 0x21, 0x5E}, {0x7F, 0x09, 0x19, 0x29, 0x46},
       {0x46, 0x49, 0x49, 0x49, 0x31}, {0x01, 0x01, 0x7F, 0x01, 0x01},
       {0x3F, 0x40, 0x40, 0x40, 0x3F}, {0x1F, 0x20, 0x40, 0x20, 0x1F},
       {0x3F, 0x40, 0x38, 0x40, 0x3F}, {0x63, 0x14, 0x08, 0x14, 0x63},
       {0x07, 0x08, 0x70, 0x08, 0x07}, {0x61, 0x51, 0x49, 0x45, 0x43}}};
  if (c >= 'A' && c <= 'Z') return letters[static_cast<std::size_t>(c - 'A')];
  return {};
}

constexpr std::array kWords{"LIGHT", "LENS",     "FOCUS",    "BLUR",   "GRAIN",  "PHASE",
                            "RADON", "FOURIER",  "WIENER",   "GAUSS",  "PRIOR",  "SENSOR",
                            "VOXEL", "STAR",     "EDGE",     "DETAIL", "PIXEL",  "MIRROR",
                            "PRISM", "SPECTRUM", "APERTURE", "RAY",    "SHADOW", "IMAGE"};

void write_word(Grid& grid, const std::string& word, std::int64_t top, std::int64_t left,
                std::int64_t dot, const Colour& ink) {
  for (const char c : word) {
    const auto columns = letter(c);
    for (std::int64_t column = 0; column < 5; ++column)
      for (std::int64_t row = 0; row < 7; ++row) {
        if (!(columns[static_cast<std::size_t>(column)] >> row & 1)) continue;
        for (std::int64_t y = top + row * dot; y < std::min(top + (row + 1) * dot, grid.height());
             ++y)
          for (std::int64_t x = left + column * dot;
               x < std::min(left + (column + 1) * dot, grid.width()); ++x)
            grid.at(y, x) = ink;
      }
    left += 6 * dot;
  }
}

}  // namespace

void paint_dead_leaves(const Canvas& canvas, const Draw& draw) {
  constexpr std::int64_t fineness = 3;
  Grid grid(canvas, fineness);
  std::vector<char> covered(static_cast<std::size_t>(grid.height() * grid.width()), 0);
  auto bare = static_cast<std::int64_t>(covered.size());
  // From the front to the back; a rest of some samples stays dark, as between leaves.
  for (int leaves = 0; leaves < 60000 && bare > 0; ++leaves) {
    const Leaf leaf(draw, double(canvas.height), double(canvas.width));
    const auto span = [&](double centre, std::int64_t length) {
      const auto low = static_cast<std::int64_t>(std::floor((centre - leaf.radius()) * fineness));
      const auto high = static_cast<std::int64_t>(std::ceil((centre + leaf.radius()) * fineness));
      return std::pair{std::clamp<std::int64_t>(low, 0, length),
                       std::clamp<std::int64_t>(high, 0, length)};
    };
    const auto [top, bottom] = span(leaf.y(), grid.height());
    const auto [left, right] = span(leaf.x(), grid.width());
    for (std::int64_t y = top; y < bottom; ++y)
      for (std::int64_t x = left; x < right; ++x) {
        char& hidden = covered[static_cast<std::size_t>(y * grid.width() + x)];
        if (hidden) continue;
        if (leaf.covers((double(y) + 0.5) / fineness, (double(x) + 0.5) / fineness,
                        grid.at(y, x))) {
          hidden = 1;
          --bare;
        }
      }
  }
  grid.resolve();
}

void paint_star(const Canvas& canvas, const Draw& draw, std::int64_t spokes) {
  constexpr std::int64_t fineness = 4;
  Grid grid(canvas, fineness);
  const auto& [dark, light] = kPairs[chosen(draw, kPairs.size())];
  const double rotation = draw() * kTurn;
  const double cy = double(grid.height()) / 2, cx = double(grid.width()) / 2;
  const double radius = 0.47 * double(std::min(grid.height(), grid.width()));
  for (std::int64_t y = 0; y < grid.height(); ++y)
    for (std::int64_t x = 0; x < grid.width(); ++x) {
      const double dy = double(y) + 0.5 - cy, dx = double(x) + 0.5 - cx;
      const bool spoke = std::sin(double(spokes) * std::atan2(dy, dx) + rotation) > 0;
      const bool inside = dy * dy + dx * dx < radius * radius;
      grid.at(y, x) = inside ? (spoke ? dark : light) : mixed(dark, light, 0.75f);
    }
  grid.resolve();
}

void paint_text(const Canvas& canvas, const Draw& draw) {
  constexpr std::int64_t fineness = 2;
  Grid grid(canvas, fineness);
  const auto& [ink, paper] = kPairs[chosen(draw, kPairs.size())];
  for (std::int64_t y = 0; y < grid.height(); ++y)
    for (std::int64_t x = 0; x < grid.width(); ++x) {
      const float shade =
          0.1f * float(y) / float(grid.height()) + 0.06f * float(x) / float(grid.width());
      grid.at(y, x) = mixed(paper, ink, shade);
    }
  const std::int64_t margin = std::max<std::int64_t>(fineness * 2, grid.width() / 24);
  const std::string title = "PELLUCID";
  const auto letters = static_cast<std::int64_t>(title.size());
  double dot = double(grid.width() - 2 * margin) / double(6 * letters - 1);
  std::int64_t top = margin;
  for (bool first = true; dot >= 1; first = false) {
    const auto whole = static_cast<std::int64_t>(dot);
    if (top + 7 * whole > grid.height() - margin) break;
    std::int64_t left = margin;
    while (true) {
      const std::string word = first ? title : kWords[chosen(draw, kWords.size())];
      const std::int64_t length = whole * (6 * static_cast<std::int64_t>(word.size()) - 1);
      if (left + length > grid.width() - margin && left > margin) break;
      write_word(grid, word, top, left, whole, ink);
      left += length + 4 * whole;
      if (first || left >= grid.width() - margin) break;
    }
    top += 10 * whole;
    dot = std::max(double(fineness) / 2 + 1, dot * 0.74);
  }
  grid.resolve();
}

}  // namespace pellucid
