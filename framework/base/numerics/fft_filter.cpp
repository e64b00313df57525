// Filters in pieces that fit in a processor's cache: rows by FFTW, columns by ColumnFft or FFTW.
//
// An image is a volume (outer, middle, last), whose missing axes have one place: an image of two axes
// has planes of one row each. Plane by plane, rows are transformed from where the caller has them into
// the spectrum, and then its columns in place. Then the lines along the outer axis, some side by side,
// are copied to a block, transformed, multiplied, transformed back and put where they came from; and
// planes go back the way they came.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <mutex>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/numerics/vectorised.h>

#include "base/numerics/column_fft.h"
#include "base/numerics/fft_plan.h"

namespace pellucid {
namespace {

using fft_plan::Kind;
using fft_plan::Recipe;
using fft_plan::Transform;

/// How the samples of x or of y stand along an axis.
struct Layout {
  struct Run {
    std::int64_t sample, place, count;
  };
  std::int64_t grid = 1, size = 1;
  std::vector<Run> runs{
      {0, 0, 1}};          // a second one where samples go on at the beginning of the grid
  std::vector<Run> empty;  // places without a sample
  std::vector<std::pair<std::int64_t, std::int64_t>> repeated;  // place, and that of its sample
};

std::int64_t modulo(std::int64_t place, std::int64_t size) { return (place % size + size) % size; }

Layout layout(std::int64_t grid, const FilterAxis::Stretch& stretch,
              const std::vector<std::pair<std::int64_t, std::int64_t>>& repeated) {
  if (grid < 1 || stretch.size < 1 || stretch.size > grid)
    throw ShapeError("a filter's images must have 1 to " + std::to_string(grid) +
                     " samples along an axis whose grid has as many, got " +
                     std::to_string(stretch.size));
  Layout all{grid, stretch.size, {}, {}, {}};
  std::vector<bool> taken(static_cast<std::size_t>(grid));
  const auto take = [&](std::int64_t place) { taken[static_cast<std::size_t>(place)] = true; };
  const std::int64_t begin = modulo(stretch.offset, grid),
                     first = std::min(stretch.size, grid - begin);
  all.runs.push_back({0, begin, first});
  if (first < stretch.size) all.runs.push_back({first, 0, stretch.size - first});
  for (std::int64_t i = 0; i < stretch.size; ++i) take((begin + i) % grid);
  for (const auto& [place, sample] : repeated) {
    if (place < 0 || place >= grid || sample < 0 || sample >= stretch.size ||
        taken[static_cast<std::size_t>(place)])
      throw ShapeError("a filter repeats its samples 0 to " + std::to_string(stretch.size - 1) +
                       " at free places of its grid of " + std::to_string(grid) + ", got sample " +
                       std::to_string(sample) + " at place " + std::to_string(place));
    take(place);
    all.repeated.emplace_back(place, (begin + sample) % grid);
  }
  for (std::int64_t place = 0; place < grid; ++place) {
    if (taken[static_cast<std::size_t>(place)]) continue;
    if (all.empty.empty() || all.empty.back().place + all.empty.back().count < place)
      all.empty.push_back({0, place, 0});
    ++all.empty.back().count;
  }
  return all;
}

/// The axes of x or y: outer, middle, last.
struct Side {
  std::array<Layout, 3> axes;

  std::int64_t planes() const { return axes[0].size; }
  std::int64_t rows() const { return axes[1].size; }  ///< of a plane
  std::int64_t width() const { return axes[2].size; }
};

// Lines of a block are `width` complex numbers, 2 * width reals, side by side; what they are copied
// from and to are lines `stride` reals apart, of which `count` reals belong to the block.

template <class T>
[[gnu::always_inline]] inline void copy_line(T* __restrict to, const T* __restrict from,
                                             std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from[i];
}

/// Lines are too far apart for a processor to see where the next block begins: that many reals on.
template <class T>
[[gnu::always_inline]] inline void prefetch_next(const T* line, std::int64_t reals) {
  constexpr std::int64_t cache_line = 64 / sizeof(T);
  for (std::int64_t i = 0; i < reals; i += cache_line) __builtin_prefetch(line + reals + i);
}

/// Lines 0 .. lines - 1 to the lines of a block from `block` on, whose rest becomes 0.
template <class T>
[[gnu::always_inline]] inline void gather(T* block, std::int64_t width, const T* from,
                                          std::int64_t stride, std::int64_t lines,
                                          std::int64_t count) {
  for (std::int64_t line = 0; line < lines; ++line) {
    T* const to = block + line * 2 * width;
    prefetch_next(from + line * stride, 2 * width);
    copy_line(to, from + line * stride, count);
    for (std::int64_t i = count; i < 2 * width; ++i) to[i] = 0;
  }
}

template <class T>
[[gnu::always_inline]] inline void scatter(const T* block, std::int64_t width, T* to,
                                           std::int64_t stride, std::int64_t lines,
                                           std::int64_t count) {
  for (std::int64_t line = 0; line < lines; ++line)
    copy_line(to + line * stride, block + line * 2 * width, count);
}

/// A block times scale and the gains, or their conjugates (`sign` -1).
template <class T>
[[gnu::always_inline]] inline void multiply(T* block, std::int64_t width, const T* gains,
                                            std::int64_t stride, std::int64_t lines,
                                            std::int64_t count, T scale, T sign) {
  for (std::int64_t line = 0; line < lines; ++line) {
    T* __restrict const values = block + line * 2 * width;
    const T* __restrict const gain = gains + line * stride;
    prefetch_next(gain, 2 * width);
    for (std::int64_t i = 0; i < count; i += 2) {
      const T re = values[i], im = values[i + 1];
      const T gain_re = scale * gain[i], gain_im = scale * sign * gain[i + 1];
      values[i] = re * gain_re - im * gain_im;
      values[i + 1] = re * gain_im + im * gain_re;
    }
  }
}

template <class T>
[[gnu::always_inline]] inline void add_line(T* __restrict to, const T* __restrict from,
                                            std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

PELLUCID_VECTORISED void gathered(float* block, std::int64_t width, const float* from,
                                  std::int64_t stride, std::int64_t lines, std::int64_t count) {
  gather(block, width, from, stride, lines, count);
}
PELLUCID_VECTORISED void gathered(double* block, std::int64_t width, const double* from,
                                  std::int64_t stride, std::int64_t lines, std::int64_t count) {
  gather(block, width, from, stride, lines, count);
}
PELLUCID_VECTORISED void scattered(const float* block, std::int64_t width, float* to,
                                   std::int64_t stride, std::int64_t lines, std::int64_t count) {
  scatter(block, width, to, stride, lines, count);
}
PELLUCID_VECTORISED void scattered(const double* block, std::int64_t width, double* to,
                                   std::int64_t stride, std::int64_t lines, std::int64_t count) {
  scatter(block, width, to, stride, lines, count);
}
PELLUCID_VECTORISED void multiplied(float* block, std::int64_t width, const float* gains,
                                    std::int64_t stride, std::int64_t lines, std::int64_t count,
                                    float scale, float sign) {
  multiply(block, width, gains, stride, lines, count, scale, sign);
}
PELLUCID_VECTORISED void multiplied(double* block, std::int64_t width, const double* gains,
                                    std::int64_t stride, std::int64_t lines, std::int64_t count,
                                    double scale, double sign) {
  multiply(block, width, gains, stride, lines, count, scale, sign);
}
PELLUCID_VECTORISED void added(float* to, const float* from, std::int64_t count) {
  add_line(to, from, count);
}
PELLUCID_VECTORISED void added(double* to, const double* from, std::int64_t count) {
  add_line(to, from, count);
}

/// Reals `wide` at a time that stand at places of an axis: lines of a block, or samples of a row.
/// Puts zeros and what is repeated beside the samples that are there.
template <class T>
void extend(T* line, std::int64_t wide, const Layout& side) {
  for (const auto& run : side.empty) std::fill_n(line + run.place * wide, run.count * wide, T(0));
  for (const auto& [place, source] : side.repeated)
    std::memcpy(line + place * wide, line + source * wide,
                static_cast<std::size_t>(wide) * sizeof(T));
}

/// The adjoint as far as samples are concerned.
template <class T>
void fold(T* line, std::int64_t wide, const Layout& side) {
  for (const auto& [place, source] : side.repeated)
    added(line + source * wide, line + place * wide, wide);
}

/// Lines of n side by side that are transformed together.
class Block {
 public:
  Block(std::int64_t n, std::int64_t width, bool single) : width_(width) {
    if (n == 1) return;
    if (single && ColumnFft<float>::has(n)) own_ = std::make_shared<ColumnFft<float>>(n);
    else if (ColumnFft<double>::has(n)) own_ = std::make_shared<ColumnFft<double>>(n);
    else {
      forward_ = transform(Recipe{Kind::columns_forward, {n, width}, single});
      inverse_ = transform(Recipe{Kind::columns_inverse, {n, width}, single});
    }
  }
  std::int64_t width() const { return width_; }

  /// Without a scale; the result is in `numbers`, which may be swapped for `spare`.
  template <class T>
  void forward(T*& numbers, T*& spare) const {
    run(numbers, spare, -1, forward_);
  }
  template <class T>
  void inverse(T*& numbers, T*& spare) const {
    run(numbers, spare, 1, inverse_);
  }

 private:
  template <class T>
  void run(T*& numbers, T*& spare, int sign, const std::shared_ptr<const Transform>& fftw) const {
    if (own_) static_cast<const ColumnFft<T>*>(own_.get())->run(numbers, spare, width_, sign);
    else if (fftw) fftw->run(numbers, numbers);
  }

  std::int64_t width_;
  std::shared_ptr<const void> own_;  // a ColumnFft of the filter's type, where there is one for n
  std::shared_ptr<const Transform> forward_, inverse_;
};

/// The blocks of `count` lines along an axis of n places.
class Blocks {
 public:
  Blocks(std::int64_t n, std::int64_t count, bool single)
      : count_(count),
        full_(n, width(n, single), single),
        last_(n, (count - (number() - 1) * full_.width() + 3) / 4 * 4, single) {}

  std::int64_t number() const { return (count_ + full_.width() - 1) / full_.width(); }
  std::int64_t first(std::int64_t i) const { return i * full_.width(); }
  /// Of its lines those that there are.
  std::int64_t lines(std::int64_t i) const { return std::min(full_.width(), count_ - first(i)); }
  const Block& operator[](std::int64_t i) const { return i + 1 < number() ? full_ : last_; }
  std::int64_t width() const { return std::max(full_.width(), last_.width()); }

 private:
  /// So that a block takes a share of the cache.
  static std::int64_t width(std::int64_t n, bool single) {
    constexpr std::int64_t share = 192 << 10;
    std::int64_t all = 16;
    while (all > 4 && n * all * (single ? 8 : 16) > share) all /= 2;
    return all;
  }

  std::int64_t count_;
  Block full_, last_;
};

/// What one thread works with.
template <class T>
class Desk {
 public:
  Desk(std::int64_t row_samples, std::int64_t block_numbers)
      : memory_(at::empty({2 * aligned(row_samples) + 4 * aligned(block_numbers)},
                          c10::CppTypeToScalarType<T>::value)),
        row(memory_.template mutable_data_ptr<T>()),
        apart(row + aligned(row_samples)),
        block(apart + aligned(row_samples)),
        spare(block + 2 * aligned(block_numbers)) {}

 private:
  static std::int64_t aligned(std::int64_t count) { return (count + 15) / 16 * 16; }
  Tensor memory_;

 public:
  T *row, *apart;    // samples of a row on the grid, and without what is around them
  T *block, *spare;  // of lines
};

/// Memory for spectra of one size, kept between those who take it.
class Memory {
 public:
  Memory(std::int64_t numbers, at::ScalarType complex) : numbers_(numbers), complex_(complex) {}

  Tensor take() const {
    const std::lock_guard guard(mutex_);
    if (free_.empty()) return at::empty({numbers_}, complex_);
    Tensor last = std::move(free_.back());
    free_.pop_back();
    return last;
  }
  void give_back(Tensor memory) const {
    const std::lock_guard guard(mutex_);
    free_.push_back(std::move(memory));
  }

 private:
  std::int64_t numbers_;
  at::ScalarType complex_;
  mutable std::mutex mutex_;
  mutable std::vector<Tensor> free_;
};

/// What a filter is made of.
struct Pieces {
  Pieces(std::vector<FilterAxis> given, at::ScalarType type);

  std::vector<FilterAxis> axes;
  at::ScalarType real;
  Side x, y;
  std::array<std::int64_t, 3> grid;  // outer, middle, last
  std::int64_t half, pitch;          // complex numbers of a row, and from one row to the next
  std::shared_ptr<const Transform> row_forward, row_inverse;
  std::unique_ptr<const Blocks> middle, outer;

  bool single() const { return real == at::kFloat; }
  at::ScalarType complex() const { return single() ? at::kComplexFloat : at::kComplexDouble; }
  std::int64_t samples() const { return grid[0] * grid[1] * grid[2]; }
  double operations() const { return 5.0 * double(samples()) * std::log2(double(samples()) + 1); }
  /// All threads work at one image, rather than each at its own.
  bool is_large() const { return operations() >= fft_plan::kThreadedOperations; }
  std::int64_t planes() const { return std::max(x.planes(), y.planes()); }
  std::int64_t numbers(std::int64_t planes) const { return planes * grid[1] * pitch; }
};

Pieces::Pieces(std::vector<FilterAxis> given, at::ScalarType type)
    : axes(std::move(given)), real(type), grid{1, 1, 1} {
  if (axes.empty() || axes.size() > 3)
    throw ShapeError("a filter has 1 to 3 axes, got " + std::to_string(axes.size()));
  if (real != at::kFloat && real != at::kDouble)
    throw ShapeError("a filter needs float32 or float64, got " + dtype_name(real));
  // The middle one is missing first.
  for (std::size_t a = 0; a < axes.size(); ++a) {
    const std::size_t place = a + 1 == axes.size() ? 2 : a;
    x.axes[place] = layout(axes[a].grid, axes[a].x, axes[a].repeated);
    y.axes[place] = layout(axes[a].grid, axes[a].y, {});
    grid[place] = axes[a].grid;
  }
  half = grid[2] / 2 + 1;
  pitch = (half + 7) / 8 * 8;
  row_forward = transform(Recipe{Kind::real_forward, {grid[2]}, single()});
  row_inverse = transform(Recipe{Kind::real_inverse, {grid[2]}, single()});
  middle = std::make_unique<const Blocks>(grid[1], half, single());
  outer = std::make_unique<const Blocks>(grid[0], half, single());
}

/// One image on its way.
template <class T>
class Filtering {
 public:
  Filtering(const Pieces& pieces, const Tensor& memory)
      : p_(pieces), spectrum_(static_cast<T*>(memory.mutable_data_ptr())) {}

  /// Planes of x or y, and the rows and columns in them.
  void read(const Side& side, std::int64_t image, const FftFilter::Row& row) const {
    each(side.planes(), side.rows() * p_.grid[2], [&](Desk<T>& desk, std::int64_t plane) {
      T* const to = spectrum_ + plane * plane_stride();
      for (std::int64_t i = 0; i < side.rows(); ++i) {
        read_row(desk, side.axes[2], row, (image * side.planes() + plane) * side.rows() + i);
        p_.row_forward->run(desk.row, to + i * row_stride());
      }
      if (p_.grid[1] == 1) return;
      for (std::int64_t b = 0; b < p_.middle->number(); ++b) {
        const Part part(*p_.middle, b);
        taken(desk.block, part, to + part.first, row_stride(), side.axes[1]);
        part.block.forward(desk.block, desk.spare);
        scattered(desk.block, part.width, to + part.first, row_stride(), p_.grid[1], part.count);
      }
    });
  }

  void write(const Side& side, std::int64_t image, const FftFilter::Row& row) const {
    each(side.planes(), side.rows() * p_.grid[2], [&](Desk<T>& desk, std::int64_t plane) {
      T* const from = spectrum_ + plane * plane_stride();
      for (std::int64_t b = 0; p_.grid[1] > 1 && b < p_.middle->number(); ++b) {
        const Part part(*p_.middle, b);
        gathered(desk.block, part.width, from + part.first, row_stride(), p_.grid[1], part.count);
        part.block.inverse(desk.block, desk.spare);
        put(desk.block, part, from + part.first, row_stride(), side.axes[1]);
      }
      for (std::int64_t i = 0; i < side.rows(); ++i) {
        p_.row_inverse->run(from + i * row_stride(), desk.row);
        write_row(desk, side.axes[2], row, (image * side.planes() + plane) * side.rows() + i);
      }
    });
  }

  /// Lines along the outer axis from one side to the other; `gains` begin with those of the image.
  void filter(const Side& from, const Side& to, const Tensor& gains, bool conjugate) const {
    const auto* const gain = static_cast<const T*>(gains.const_data_ptr());
    const std::int64_t along = gain_stride(gains, 0), across = gain_stride(gains, 1);
    const T scale = T(1.0 / double(p_.samples())), sign = conjugate ? T(-1) : T(1);
    across_outer([&](Desk<T>& desk, T* lines, std::int64_t row, const Part& part) {
      taken(desk.block, part, lines, plane_stride(), from.axes[0]);
      part.block.forward(desk.block, desk.spare);
      multiplied(desk.block, part.width, gain + row * across + part.first, along, p_.grid[0],
                 part.count, scale, sign);
      part.block.inverse(desk.block, desk.spare);
      put(desk.block, part, lines, plane_stride(), to.axes[0]);
    });
  }

  /// Lines along the outer axis to a spectrum, (grid..., pitch).
  void finish(const Side& from, T* spectrum) const {
    across_outer([&](Desk<T>& desk, T* lines, std::int64_t row, const Part& part) {
      taken(desk.block, part, lines, plane_stride(), from.axes[0]);
      part.block.forward(desk.block, desk.spare);
      scattered(desk.block, part.width, spectrum + row * row_stride() + part.first, plane_stride(),
                p_.grid[0], part.count);
    });
  }

 private:
  /// One of the blocks of a row of the spectrum: its first real and their number, and the complex
  /// numbers side by side.
  struct Part {
    Part(const Blocks& blocks, std::int64_t i)
        : block(blocks[i]),
          first(2 * blocks.first(i)),
          count(2 * blocks.lines(i)),
          width(block.width()) {}
    const Block& block;
    std::int64_t first, count, width;
  };

  std::int64_t row_stride() const { return 2 * p_.pitch; }
  std::int64_t plane_stride() const { return p_.grid[1] * row_stride(); }

  /// From one line of the outer (0) or middle (1) axis to the next, in reals.
  std::int64_t gain_stride(const Tensor& gains, std::int64_t axis) const {
    const auto axes = static_cast<std::int64_t>(p_.axes.size());
    return axis + 1 < axes ? 2 * gains.stride(gains.dim() - axes + axis) : 0;
  }

  Desk<T> desk() const {
    return {p_.grid[2], std::max(p_.grid[0] * p_.outer->width(), p_.grid[1] * p_.middle->width())};
  }

  /// `one(desk, i)` for all i, which take `samples` each.
  template <class One>
  void each(std::int64_t count, std::int64_t samples, One one) const {
    constexpr std::int64_t worth_a_thread = 1 << 15;
    const std::int64_t threads =
        p_.is_large()
            ? std::min<std::int64_t>(at::get_num_threads(), count * samples / worth_a_thread + 1)
            : 1;
    fft_plan::share_out(count, threads, [&](std::int64_t first, std::int64_t last) {
      Desk<T> own = desk();
      for (std::int64_t i = first; i < last; ++i) one(own, i);
    });
  }

  /// `some(desk, lines, row, part)` for the parts of each row.
  template <class Some>
  void across_outer(Some some) const {
    const std::int64_t blocks = p_.outer->number();
    each(p_.grid[1] * blocks, p_.grid[0] * p_.outer->width(), [&](Desk<T>& desk, std::int64_t i) {
      const Part part(*p_.outer, i % blocks);
      some(desk, spectrum_ + i / blocks * row_stride() + part.first, i / blocks, part);
    });
  }

  /// Lines that are samples of x or y to a block of all places.
  static void taken(T* block, const Part& part, const T* lines, std::int64_t stride,
                    const Layout& side) {
    for (const auto& run : side.runs)
      gathered(block + run.place * 2 * part.width, part.width, lines + run.sample * stride, stride,
               run.count, part.count);
    extend(block, 2 * part.width, side);
  }

  static void put(T* block, const Part& part, T* lines, std::int64_t stride, const Layout& side) {
    fold(block, 2 * part.width, side);
    for (const auto& run : side.runs)
      scattered(block + run.place * 2 * part.width, part.width, lines + run.sample * stride, stride,
                run.count, part.count);
  }

  static void read_row(const Desk<T>& desk, const Layout& side, const FftFilter::Row& row,
                       std::int64_t number) {
    if (side.runs.size() == 1) row(number, desk.row + side.runs[0].place);
    else {
      row(number, desk.apart);
      for (const auto& run : side.runs)
        std::copy_n(desk.apart + run.sample, run.count, desk.row + run.place);
    }
    extend(desk.row, 1, side);
  }

  static void write_row(const Desk<T>& desk, const Layout& side, const FftFilter::Row& row,
                        std::int64_t number) {
    for (const auto& [place, source] : side.repeated) desk.row[source] += desk.row[place];
    if (side.runs.size() == 1) return row(number, desk.row + side.runs[0].place);
    for (const auto& run : side.runs)
      std::copy_n(desk.row + run.place, run.count, desk.apart + run.sample);
    row(number, desk.apart);
  }

  const Pieces& p_;
  T* spectrum_;
};

}  // namespace

struct FftFilter::Plans : Pieces {
  Plans(std::vector<FilterAxis> given, at::ScalarType type)
      : Pieces(std::move(given), type), memory(numbers(planes()), complex()) {}

  Memory memory;

  /// `one(filtering, image)` for each image: all threads work at a large one, each at a small one of
  /// its own.
  template <class T, class One>
  void each_image(std::int64_t images, const Memory& memory, One one) const {
    const double threads = std::min(double(at::get_num_threads()),
                                    double(images) * operations() / fft_plan::kThreadedOperations);
    fft_plan::share_out(images, is_large() ? 1 : std::int64_t(threads),
                        [&](std::int64_t first, std::int64_t last) {
                          Tensor own = memory.take();
                          for (std::int64_t image = first; image < last; ++image)
                            one(Filtering<T>(*this, own), image);
                          memory.give_back(std::move(own));
                        });
  }

  template <class T>
  void run(const Tensor& gains, std::int64_t images, const Side& from, const Row& read,
           const Side& to, const Row& write, bool conjugate) const {
    each_image<T>(images, memory, [&](const Filtering<T>& filtering, std::int64_t image) {
      filtering.read(from, image, read);
      filtering.filter(from, to, gains[image % gains.size(0)], conjugate);
      filtering.write(to, image, write);
    });
  }

  void run(const Tensor& gains, std::int64_t images, const Side& from, const Row& read,
           const Side& to, const Row& write, bool conjugate) const {
    require_gains(gains);
    if (single()) run<float>(gains, images, from, read, to, write, conjugate);
    else run<double>(gains, images, from, read, to, write, conjugate);
  }

  /// The same for images in a tensor.
  Tensor run(const Tensor& gains, const Tensor& in, const Side& from, const Side& to,
             bool conjugate) const {
    const Tensor images = packed(in, from);
    const Tensor out = at::empty(shape(in.size(0), to), in.options());
    run(gains, in.size(0), from, reading(images), to, writing(out), conjugate);
    return out;
  }

  std::vector<std::int64_t> shape(std::int64_t images, const Side& side) const {
    std::vector<std::int64_t> all{images};
    for (std::size_t a = 0; a < axes.size(); ++a)
      all.push_back(side.axes[a + 1 == axes.size() ? 2 : a].size);
    return all;
  }

  Tensor packed(const Tensor& images, const Side& side) const {
    const auto expected = images.dim() > 0 ? shape(images.size(0), side) : shape(0, side);
    if (images.sizes() != at::IntArrayRef(expected) || images.scalar_type() != real)
      throw ShapeError("a filter of images of " + shape_text(at::IntArrayRef(expected).slice(1)) +
                       " in " + dtype_name(real) + " got a tensor of " +
                       shape_text(images.sizes()) + " in " + dtype_name(images.scalar_type()));
    if (!images.is_cpu()) throw ShapeError("a filter needs images on the CPU");
    return images.contiguous();
  }

  static Row reading(const Tensor& images) {
    const std::int64_t bytes = images.size(-1) * images.element_size();
    const auto* const from = static_cast<const char*>(images.const_data_ptr());
    return [from, bytes](std::int64_t number, void* samples) {
      std::memcpy(samples, from + number * bytes, static_cast<std::size_t>(bytes));
    };
  }
  static Row writing(const Tensor& images) {
    const std::int64_t bytes = images.size(-1) * images.element_size();
    auto* const to = static_cast<char*>(images.mutable_data_ptr());
    return [to, bytes](std::int64_t number, void* samples) {
      std::memcpy(to + number * bytes, samples, static_cast<std::size_t>(bytes));
    };
  }

  void require_gains(const Tensor& gains) const {
    std::vector<std::int64_t> expected{gains.dim() > 0 ? gains.size(0) : 0};
    for (const FilterAxis& axis : axes) expected.push_back(axis.grid);
    expected.back() = half;
    if (expected.front() < 1 || gains.sizes() != at::IntArrayRef(expected) ||
        gains.scalar_type() != complex() || !gains.is_cpu() || gains.is_conj() ||
        (half > 1 && gains.stride(-1) != 1))
      throw ShapeError("a filter needs gains of (kernels, " +
                       shape_text(at::IntArrayRef(expected).slice(1)) + ") in " +
                       dtype_name(complex()) + " on the CPU, with rows side by side, got " +
                       shape_text(gains.sizes()) + " in " + dtype_name(gains.scalar_type()));
  }
};

FftFilter::FftFilter(std::vector<FilterAxis> axes, at::ScalarType real)
    : plans_(std::make_shared<Plans>(std::move(axes), real)) {}

FftFilter::~FftFilter() = default;
FftFilter::FftFilter(const FftFilter&) = default;
FftFilter& FftFilter::operator=(const FftFilter&) = default;

const std::vector<FilterAxis>& FftFilter::axes() const { return plans_->axes; }

std::int64_t FftFilter::bytes() const {
  return plans_->numbers(plans_->planes()) * (plans_->single() ? 8 : 16);
}

Tensor FftFilter::spectrum(std::int64_t images, const Row& read_x) const {
  const Plans& p = *plans_;
  std::vector<std::int64_t> shape{images};
  for (const FilterAxis& axis : p.axes) shape.push_back(axis.grid);
  shape.back() = p.pitch;
  const Tensor all = at::empty(shape, p.complex());
  const std::int64_t numbers = p.grid[0] * p.grid[1] * p.pitch;
  const auto transform_all = [&]<class T>(T* to) {
    const Memory memory{p.numbers(p.x.planes()), p.complex()};
    p.each_image<T>(images, memory, [&](const Filtering<T>& filtering, std::int64_t image) {
      filtering.read(p.x, image, read_x);
      filtering.finish(p.x, to + 2 * image * numbers);
    });
  };
  if (p.single()) transform_all(static_cast<float*>(all.mutable_data_ptr()));
  else transform_all(static_cast<double*>(all.mutable_data_ptr()));
  return all.narrow(-1, 0, p.half);
}

void FftFilter::forward(const Tensor& gains, std::int64_t images, const Row& read_x,
                        const Row& write_y) const {
  plans_->run(gains, images, plans_->x, read_x, plans_->y, write_y, false);
}

void FftFilter::adjoint(const Tensor& gains, std::int64_t images, const Row& read_y,
                        const Row& write_x) const {
  plans_->run(gains, images, plans_->y, read_y, plans_->x, write_x, true);
}

Tensor FftFilter::spectrum(const Tensor& x) const {
  const Tensor images = plans_->packed(x, plans_->x);
  return spectrum(x.size(0), Plans::reading(images));
}

Tensor FftFilter::forward(const Tensor& gains, const Tensor& x) const {
  return plans_->run(gains, x, plans_->x, plans_->y, false);
}

Tensor FftFilter::adjoint(const Tensor& gains, const Tensor& y) const {
  return plans_->run(gains, y, plans_->y, plans_->x, true);
}

}  // namespace pellucid
