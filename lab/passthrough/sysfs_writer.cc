// How does the harness write to its own machine's sysfs?
#include "lab/passthrough/sysfs_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "harness/base/child_write.h"
#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

class ChildWriter : public SysfsWriter {
  Result<void> write(const fs::path& file, std::string_view text, const Deadline& deadline) override {
    const Fd target = TRY(open_file(file, O_WRONLY));
    const ChildWrite job = TRY(ChildWrite::start(target, text));
    const std::optional<int> errnum = job.wait(deadline);
    if (!errnum) return lab_error("timeout", fmt::format("the kernel still blocks the write to {}", file.string()));
    if (*errnum != 0) return system_error(fmt::format("write to {}", file.string()), *errnum);
    return {};
  }
  bool may_write(const fs::path& file) const override { return ::access(file.c_str(), W_OK) == 0; }
};

}  // namespace

std::unique_ptr<SysfsWriter> make_sysfs_writer() { return std::make_unique<ChildWriter>(); }

}  // namespace holdfast::lab
