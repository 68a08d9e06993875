// How is a file of sysfs written when the kernel may block the writer for as long as it likes?
#include "harness/agent/write_jobs.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>

#include "harness/agent/refusal.h"

namespace holdfast::agent {
namespace {

constexpr size_t kMostJobs = 64;

}  // namespace

Result<WriteJobs::Job> WriteJobs::start(const std::filesystem::path& file, std::string_view text) {
  // One that has ended meanwhile, and that nobody asked about, is not the write that is asked for now.
  std::erase_if(running_, [&](const auto& job) {
    return job.second.file == file.string() && job.second.text == text &&
           job.second.write.wait(Deadline::after(Millis(0)));
  });
  for (const auto& [job, running] : running_) {
    if (running.file == file.string() && running.text == text) return job;
  }
  if (running_.size() >= kMostJobs) return bad_request(fmt::format("{} writes are still blocked", running_.size()));
  const Fd target(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  if (!target) return kernel_refused(fmt::format("open {}", file.string()), errno);
  ChildWrite write = TRY(ChildWrite::start(target, text));
  running_.emplace(next_, Running{.write = std::move(write), .file = file.string(), .text = std::string(text)});
  return next_++;
}

Result<std::optional<int>> WriteJobs::wait(Job job, const Deadline& deadline) {
  const auto found = running_.find(job);
  if (found == running_.end()) return bad_request(fmt::format("there is no blocked write {}", job));
  const std::optional<int> errnum = found->second.write.wait(deadline);
  if (errnum) running_.erase(found);
  return errnum;
}

}  // namespace holdfast::agent
