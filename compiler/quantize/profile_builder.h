#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/quantize/bin_counter.h"
#include "compiler/quantize/profile.h"
#include "schema/base/shape.h"

namespace tegula::compiler {

/// Makes a profile from the tensors of sample after sample. Its memory depends on the number of tensors and channels,
/// not on that of samples or elements.
///
/// Several threads may work on different samples at once, each with a Sample of its own: histograms are shared, since
/// counts do not depend on order; what does depend on it (sums, averages, the hash of the data) stays with the Sample
/// until commit(), which must be called once for each sample, in their order.
class ProfileBuilder {
 public:
  /// `names`: the tensors to come; others are ignored.
  ProfileBuilder(std::span<const std::string> names, double averaging_constant);
  ~ProfileBuilder();

  /// What one sample adds; used again for the next one after commit().
  class Sample {
   public:
    explicit Sample(ProfileBuilder& builder);
    ~Sample();
    Sample(Sample&&) noexcept;

    /// Adds a tensor of this sample: row-major, element_count(dims) values.
    void see(std::string_view name, const float* values, const Dims& dims);

    uint64_t data_xxh3 = 0;  ///< of the sample's inputs
    int64_t samples = 1;     ///< that are in it: those of a batch

   private:
    friend class ProfileBuilder;
    struct Pending;
    ProfileBuilder* builder_;
    std::vector<Pending> pending_;  // by tensor
    BinCounter counter_;
    std::vector<float> finite_;  // of a block that is not
  };

  void commit(Sample& sample);

  /// The extremes by name, of the samples that were committed.
  std::map<std::string, Range> extremes() const;

  /// The profile of all samples that were committed, of the tensors that were seen; without the model's name and hash.
  Profile take();

 private:
  struct Tensor;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::vector<std::unique_ptr<Tensor>> tensors_;
  Profile profile_;
};

}  // namespace tegula::compiler
