#include "kernels/resize/resize_plan.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace tegula::kernels {
namespace {

constexpr int64_t kMostScratch = int64_t{8} << 20;
constexpr int64_t kLine = 64;

int64_t round_up(int64_t bytes) {
  return (bytes + kLine - 1) / kLine * kLine;
}

/// The bytes of the dimensions from `first` on, when they lie without gaps; nullopt otherwise.
std::optional<int64_t> contiguous_bytes(const TensorView& view, int first) {
  int64_t elements = 1;
  for (int d = view.rank - 1; d >= first; --d) {
    if (view.dims[d] != 1 && view.strides[d] != elements) return std::nullopt;
    elements *= view.dims[d];
  }
  return elements * static_cast<int64_t>(size_of(view.dtype));
}

/// Taps of one position whose weight is not 0: visit(number among those, source index, weight). Returns how many.
template <typename Visit>
int for_each_tap(const ResizeTaps& taps, int64_t position, Visit&& visit) {
  int count = 0;
  for (int64_t i = position * taps.count; i < (position + 1) * taps.count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (taps.weight[at] != 0) visit(count++, taps.index[at], taps.weight[at]);
  }
  return count;
}

}  // namespace

std::optional<ResizePlan> ResizePlan::make(const ResizeDesc& desc, const TensorView& src, const TensorView& dst,
                                           jit::VectorIsa isa) {
  const bool nearest = desc.mode == ResizeMode::kNearest;
  if (desc.axes.empty() || dst.count() == 0 || (!nearest && src.dtype != DType::kF32)) return std::nullopt;
  const int last = desc.axes.back().axis;
  const auto pixel = contiguous_bytes(dst, last + 1);
  if (!pixel || contiguous_bytes(src, last + 1) != pixel) return std::nullopt;

  ResizePlan plan;
  plan.lanes_ = jit::lanes_of(isa);
  plan.element_bytes_ = static_cast<int64_t>(size_of(src.dtype));
  plan.taps_ = make_resize_taps(desc, src, dst);
  if (std::any_of(plan.taps_.begin(), plan.taps_.end(), [](const ResizeTaps& t) { return !t.outside.empty(); }))
    return std::nullopt;
  std::size_t axis = 0;
  for (int d = 0; d < last; ++d) {
    Outer outer{dst.dims[d], src.strides[d] * plan.element_bytes_, dst.strides[d] * plan.element_bytes_, -1};
    if (desc.axes[axis].axis == d) outer.axis = static_cast<int>(axis++);
    plan.outer_.push_back(outer);
    plan.rows_ *= outer.dim;
  }
  plan.pixel_bytes_ = *pixel;
  plan.positions_ = dst.dims[last];
  plan.src_step_ = src.strides[last] * plan.element_bytes_;
  plan.dst_step_ = dst.strides[last] * plan.element_bytes_;

  const bool lines = plan.pixel_bytes_ == 4 && plan.element_bytes_ == 4 && plan.src_step_ == 4 &&
                     (plan.dst_step_ == 4 || plan.positions_ == 1) &&
                     src.dims[last] < std::numeric_limits<int32_t>::max() / 4;
  if (nearest) {
    plan.kind_ = lines ? Kind::kCopyLines : Kind::kCopyPixels;
  } else {
    plan.kind_ = lines ? Kind::kSumLines : Kind::kMix;
    if (!plan.prepare_scratch()) return std::nullopt;
  }
  if (lines) plan.prepare_lines(src.dims[last]);
  if (plan.kind_ == Kind::kCopyLines) plan.prepare_plane();
  if (plan.kind_ == Kind::kMix) plan.prepare_pixels();
  return plan;
}

void ResizePlan::prepare_pixels() {
  const ResizeTaps& taps = taps_.back();
  position_taps_.resize(static_cast<std::size_t>(positions_ * taps.count));
  for (int64_t p = 0; p < positions_; ++p) {
    ResizeTap* const of_position = position_taps_.data() + p * taps.count;
    of_position->count = for_each_tap(taps, p, [&](int t, int64_t index, float weight) {
      of_position[t].offset = index * src_step_;
      of_position[t].weight = weight;
    });
  }
}

void ResizePlan::prepare_lines(int64_t source_elements) {
  const ResizeTaps& taps = taps_.back();
  const bool sums = kind_ == Kind::kSumLines;
  const int64_t vectors = (positions_ + lanes_ - 1) / lanes_;
  int64_t reach = 0;
  for (int64_t v = 0; v < vectors; ++v) {
    const int64_t first = v * lanes_ * taps.count, end = std::min((v + 1) * lanes_, positions_) * taps.count;
    const auto [low, high] = std::minmax_element(taps.index.begin() + first, taps.index.begin() + end);
    windows_.push_back(*low);
    reach = std::max(reach, *high - *low + 1);
  }
  reach_ = reach <= lanes_ ? ResizeReach::kVector : reach <= 2 * lanes_ ? ResizeReach::kPair : ResizeReach::kAnywhere;
  window_ = std::min<int64_t>(reach_ == ResizeReach::kVector ? lanes_ : 2 * lanes_, source_elements);
  if (reach_ != ResizeReach::kAnywhere)  // windows end within the row
    for (int64_t& window : windows_) window = std::min(window, source_elements - window_);
  const auto vector = static_cast<std::size_t>(lanes_), parts = static_cast<std::size_t>(sums ? 2 : 1);
  const auto count = static_cast<std::size_t>(taps.count);
  table_.resize(static_cast<std::size_t>(vectors) * count * parts * vector);
  for (int64_t p = 0; p < positions_; ++p) {
    const auto v = static_cast<std::size_t>(p / lanes_), lane = static_cast<std::size_t>(p % lanes_);
    if (!sums) {
      table_[static_cast<std::size_t>(p)] =
          static_cast<uint32_t>(taps.index[static_cast<std::size_t>(p)] - windows_[v]);
      continue;
    }
    for_each_tap(taps, p, [&](int t, int64_t index, float weight) {
      uint32_t* const of_tap = table_.data() + (v * count + static_cast<std::size_t>(t)) * 2 * vector;
      of_tap[lane] = static_cast<uint32_t>(index - windows_[v]);
      of_tap[vector + lane] = std::bit_cast<uint32_t>(weight);
    });
  }
  for (int64_t& window : windows_) window *= 4;
}

void ResizePlan::prepare_plane() {
  if (outer_.empty()) {
    plane_rows_ = {ResizeRow{}};
    return;
  }
  const Outer& outer = outer_.back();
  for (int64_t i = 0; i < outer.dim; ++i) {
    const int64_t from =
        outer.axis < 0 ? i : taps_[static_cast<std::size_t>(outer.axis)].index[static_cast<std::size_t>(i)];
    if (!plane_rows_.empty() && plane_rows_.back().src_offset == from * outer.src_stride)
      ++plane_rows_.back().repeats;
    else
      plane_rows_.push_back({from * outer.src_stride, 1});
  }
}

bool ResizePlan::prepare_scratch() {
  row_stride_ = round_up(positions_ * pixel_bytes_);
  int64_t slots = 1, temporaries = 0, most_taps = 0;
  const std::size_t outer_axes = taps_.size() - 1;
  for (std::size_t a = 0; a < outer_axes; ++a) {
    slots *= taps_[a].count;
    if (a > 0) temporaries += taps_[a - 1].count;
    most_taps += taps_[a].count;
    if (slots + temporaries > kMostScratch / row_stride_) return false;
  }
  if (outer_axes == 0) return true;
  slots_ = slots;
  temporaries_ = temporaries;
  scratch_bytes_ = round_up(slots * static_cast<int64_t>(sizeof(int64_t))) +
                   round_up(most_taps * static_cast<int64_t>(sizeof(ResizeTap))) + (slots + temporaries) * row_stride_;
  return true;
}

/// Rows of src, interpolated along the last axis, then along those before it. A row lives in a slot of the scratch that
/// the source positions of its outer axes choose, so that those which one row of dst needs never share a slot.
class ResizePlan::Rows {
 public:
  Rows(const ResizePlan& plan, const ResizeCode& code, const std::byte* src, std::byte* scratch)
      : plan_(plan), code_(code), src_(src), keys_(reinterpret_cast<int64_t*>(scratch)) {
    std::fill_n(keys_, plan.slots_, int64_t{-1});
    scratch += round_up(plan.slots_ * static_cast<int64_t>(sizeof(int64_t)));
    int64_t taps = 0;
    for (std::size_t a = 0; a + 1 < plan.taps_.size(); ++a) {
      taps_[a] = reinterpret_cast<ResizeTap*>(scratch) + taps;
      taps += plan.taps_[a].count;
    }
    slots_ = scratch + round_up(taps * static_cast<int64_t>(sizeof(ResizeTap)));
    std::byte* temporaries = slots_ + plan.slots_ * plan.row_stride_;
    for (std::size_t a = 1; a + 1 < plan.taps_.size(); ++a) {
      temporaries_[a] = temporaries;
      temporaries += plan.taps_[a - 1].count * plan.row_stride_;
    }
  }

  /// at: position along each axis; offset: bytes that the dimensions which are not resized add.
  void make(const std::array<int64_t, kMaxRank>& at, int64_t offset, std::byte* dst) {
    at_ = at;
    if (plan_.taps_.size() == 1)
      interpolate(offset, dst, plan_.dst_step_);
    else
      combine(0, offset, 0, dst, plan_.dst_step_);
  }

 private:
  const std::byte* row(std::size_t a, int64_t offset, int64_t slot, int tap) {
    if (a + 1 < plan_.taps_.size()) {
      std::byte* const to = temporaries_[a] + tap * plan_.row_stride_;
      combine(a, offset, slot, to, plan_.pixel_bytes_);
      return to;
    }
    std::byte* const to = slots_ + slot * plan_.row_stride_;
    if (keys_[slot] != offset) {
      interpolate(offset, to, plan_.pixel_bytes_);
      keys_[slot] = offset;
    }
    return to;
  }

  /// Along axis a and those behind it.
  void combine(std::size_t a, int64_t offset, int64_t slot, std::byte* dst, int64_t dst_step) {
    const ResizeTaps& taps = plan_.taps_[a];
    ResizeTap* const sources = taps_[a];
    sources->count = for_each_tap(taps, at_[a], [&](int t, int64_t index, float weight) {
      const std::byte* const from =
          row(a + 1, offset + index * plan_.axis_stride(a), slot * taps.count + index % taps.count, t);
      sources[t].offset = from - slots_;
      sources[t].weight = weight;
    });
    const bool whole = dst_step == plan_.pixel_bytes_;
    code_.mix({.src = slots_,
               .src_step = plan_.pixel_bytes_,
               .taps = sources,
               .dst = dst,
               .dst_step = dst_step,
               .positions = whole ? 1 : plan_.positions_,
               .n = (whole ? plan_.positions_ * plan_.pixel_bytes_ : plan_.pixel_bytes_) / 4});
  }

  /// Along the last axis.
  void interpolate(int64_t offset, std::byte* dst, int64_t dst_step) const {
    if (plan_.kind_ == Kind::kSumLines)
      return code_.sum_line({.src = src_ + offset,
                             .dst = dst,
                             .windows = plan_.windows_.data(),
                             .table = reinterpret_cast<const std::byte*>(plan_.table_.data()),
                             .positions = plan_.positions_,
                             .window = plan_.window_,
                             .taps = plan_.taps_.back().count},
                            plan_.reach_);
    code_.mix({.src = src_ + offset,
               .taps = plan_.position_taps_.data(),
               .taps_step = plan_.taps_.back().count * static_cast<int64_t>(sizeof(ResizeTap)),
               .dst = dst,
               .dst_step = dst_step,
               .positions = plan_.positions_,
               .n = plan_.pixel_bytes_ / 4});
  }

  const ResizePlan& plan_;
  const ResizeCode& code_;
  const std::byte* src_;
  int64_t* keys_;  // for each slot: the offset of the row of src that it holds; -1: nothing
  std::array<ResizeTap*, kMaxRank> taps_{};
  std::byte* slots_;
  std::array<std::byte*, kMaxRank> temporaries_{};  // for each tap of the axis before
  std::array<int64_t, kMaxRank> at_{};
};

/// Walks the rows of dst in order. The innermost outer dimension is stepped by itself.
class ResizePlan::Walk {
 public:
  Walk(const ResizePlan& plan, int64_t row) : plan_(plan), inner_(static_cast<int>(plan.outer_.size()) - 1) {
    for (int d = inner_; d >= 0; row /= plan.outer_[static_cast<std::size_t>(d--)].dim)
      index_[d] = row % plan.outer_[static_cast<std::size_t>(d)].dim;
    enter();
  }
  void next() {
    if (inner_ < 0) return;
    dst_offset_ += outer(inner_).dst_stride;
    if (++index_[inner_] < outer(inner_).dim) return move();
    next_plane();
  }
  /// A plane: all of the innermost outer dimension.
  void next_plane() {
    if (inner_ < 0) return;
    index_[inner_] = 0;
    for (int d = inner_ - 1; d >= 0 && ++index_[d] == outer(d).dim; --d) index_[d] = 0;
    enter();
  }

  int64_t dst_offset() const { return dst_offset_; }
  int64_t src_offset() const { return src_offset_; }          ///< of the dimensions that are not resized
  int64_t nearest_offset() const { return nearest_offset_; }  ///< of the nearest row
  bool at_plane() const { return inner_ < 0 || index_[inner_] == 0; }
  int64_t plane_offset() const { return outer_nearest_; }  ///< nearest_offset() without the innermost dimension's part
  /// The position along each axis.
  const std::array<int64_t, kMaxRank>& at() const { return at_; }

 private:
  const Outer& outer(int d) const { return plan_.outer_[static_cast<std::size_t>(d)]; }
  int64_t nearest(int d) const {
    if (outer(d).axis < 0) return index_[d] * outer(d).src_stride;
    const ResizeTaps& taps = plan_.taps_[static_cast<std::size_t>(outer(d).axis)];
    return taps.index[static_cast<std::size_t>(index_[d] * taps.count)] * outer(d).src_stride;
  }

  /// New indices of the dimensions before the innermost.
  void enter() {
    dst_offset_ = outer_src_ = outer_nearest_ = 0;
    for (int d = 0; d <= inner_; ++d) {
      dst_offset_ += index_[d] * outer(d).dst_stride;
      if (d == inner_) break;
      if (outer(d).axis < 0)
        outer_src_ += index_[d] * outer(d).src_stride;
      else
        at_[outer(d).axis] = index_[d];
      outer_nearest_ += nearest(d);
    }
    move();
  }
  /// A new index of the innermost.
  void move() {
    src_offset_ = outer_src_;
    nearest_offset_ = outer_nearest_;
    if (inner_ < 0) return;
    nearest_offset_ += nearest(inner_);
    if (outer(inner_).axis < 0)
      src_offset_ += index_[inner_] * outer(inner_).src_stride;
    else
      at_[outer(inner_).axis] = index_[inner_];
  }

  const ResizePlan& plan_;
  int inner_;
  std::array<int64_t, kMaxRank> index_{}, at_{};
  int64_t dst_offset_ = 0, src_offset_ = 0, nearest_offset_ = 0;
  int64_t outer_src_ = 0, outer_nearest_ = 0;
};

int64_t ResizePlan::axis_stride(std::size_t axis) const {
  for (const Outer& outer : outer_)
    if (outer.axis == static_cast<int>(axis)) return outer.src_stride;
  return 0;
}

void ResizePlan::run(const ResizeCode* code, const std::byte* src, std::byte* dst, int64_t begin, int64_t end,
                     std::byte* scratch) const {
  if (begin >= end) return;
  Walk walk(*this, begin);
  if (kind_ == Kind::kCopyLines) return copy_lines(*code, walk, src, dst, end - begin);
  if (kind_ == Kind::kCopyPixels) return copy_rows(walk, src, dst, end - begin);
  Rows rows(*this, *code, src, scratch);
  for (int64_t row = begin; row < end; ++row, walk.next())
    rows.make(walk.at(), walk.src_offset(), dst + walk.dst_offset());
}

void ResizePlan::copy_lines(const ResizeCode& code, Walk& walk, const std::byte* src, std::byte* dst,
                            int64_t count) const {
  ResizeLineCall call{.windows = windows_.data(),
                      .table = reinterpret_cast<const std::byte*>(table_.data()),
                      .positions = positions_,
                      .window = window_,
                      .dst_stride = outer_.empty() ? 0 : outer_.back().dst_stride};
  const int64_t plane = outer_.empty() ? 1 : outer_.back().dim;
  while (count > 0) {
    const bool whole = walk.at_plane() && count >= plane;
    const ResizeRow one{walk.nearest_offset(), 1};
    call.src = whole ? src + walk.plane_offset() : src;
    call.dst = dst + walk.dst_offset();
    call.rows = whole ? plane_rows_.data() : &one;
    call.row_count = whole ? static_cast<int64_t>(plane_rows_.size()) : 1;
    code.copy_lines(call, reach_);
    count -= whole ? plane : 1;
    if (whole)
      walk.next_plane();
    else
      walk.next();
  }
}

void ResizePlan::copy_rows(Walk& walk, const std::byte* src, std::byte* dst, int64_t count) const {
  const bool whole = dst_step_ == pixel_bytes_ || positions_ == 1;
  const auto row_bytes = static_cast<std::size_t>(positions_ * pixel_bytes_);
  int64_t last_from = -1;
  const std::byte* last_row = nullptr;
  for (; count > 0; --count, walk.next()) {
    const int64_t from = walk.nearest_offset();
    std::byte* const to = dst + walk.dst_offset();
    if (whole && last_row != nullptr && from == last_from)
      std::memcpy(to, last_row, row_bytes);
    else
      copy_pixels(src + from, to);
    last_from = from;
    last_row = to;
  }
}

void ResizePlan::copy_pixels(const std::byte* src, std::byte* dst) const {
  const int64_t* const index = taps_.back().index.data();
  const auto copy = [&](auto bytes) {
    for (int64_t p = 0; p < positions_; ++p) std::memcpy(dst + p * dst_step_, src + index[p] * src_step_, bytes);
  };
  switch (pixel_bytes_) {
    case 1: return copy(std::integral_constant<std::size_t, 1>());
    case 2: return copy(std::integral_constant<std::size_t, 2>());
    case 4: return copy(std::integral_constant<std::size_t, 4>());
    case 8: return copy(std::integral_constant<std::size_t, 8>());
    default: return copy(static_cast<std::size_t>(pixel_bytes_));
  }
}

}  // namespace tegula::kernels
