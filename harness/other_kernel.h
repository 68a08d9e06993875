// Which kernels beside A and B may a case go to, and when can it?
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/kernel/kernel_image.h"
#include "harness/level.h"

namespace holdfast {

struct CaseInfo;

/// A kernel of the store that a case names. A and B are the user's choice; this one has a property that the case needs.
struct OtherKernel {
  std::string name;                       ///< as in `holdfast kernel list`
  std::string build;                      ///< the command that puts it there
  Level level = Level::kKexec;            ///< what it must offer
  std::string lacks = {};                 ///< a symbol (without CONFIG_) that it must not have been built with
  bool must_understand_kernel_a = false;  ///< it takes over what A preserves: only one of A's own source is bound to
};

/// Linux as Debian has it, without a handler for vfio-pci files.
OtherKernel stock_kernel();
/// Kernel A's code with another release string and another build-id.
OtherKernel renamed_kernel();

/// The other kernels that are there, by name.
using OtherKernels = std::map<std::string, KernelImage>;

/// Those that `cases` name and the store has.
Result<OtherKernels> find_other_kernels(const std::vector<CaseInfo>& cases, const Deadline& deadline);
/// How the process of a case is told of them, and what it makes of the words behind the flag ("NAME=PATH").
std::vector<std::string> to_argv(const OtherKernels& kernels);
Result<OtherKernels> other_kernels_from(const std::vector<std::string>& words, const Deadline& deadline);

/// Why a case that goes from `kernel_a` to `wanted` cannot run; nothing when it can. A reason that a command mends
/// names the command.
std::optional<std::string> missing_for(const OtherKernel& wanted, const OtherKernels& there,
                                       const KernelImage& kernel_a);

}  // namespace holdfast
