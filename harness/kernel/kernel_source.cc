// Where does a kernel tree come from when nobody gives one?
#include "harness/kernel/kernel_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "harness/kernel/debian_sources.h"
#include "harness/kernel/disk_space.h"
#include "harness/kernel/followed.h"
#include "harness/kernel/kernel_tree.h"
#include "harness/kernel/private_apt.h"
#include "harness/kernel/work_lock.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kStagingPrefix = ".new-";

fs::path sources_in(const fs::path& cache) { return cache / "sources"; }

/// The mark of a whole source is the file `package`, three lines: package, version, digest. It is in the folder before
/// that is renamed into place.
std::optional<FetchedSource> read_source(const fs::path& dir) {
  const auto text = read_file(dir / "package");
  std::error_code ignored;
  if (!text || !fs::is_directory(dir / "tree", ignored)) return std::nullopt;
  const auto lines = split(*text, '\n');
  if (lines.size() < 3) return std::nullopt;
  FetchedSource source;
  source.package = std::string(lines[0]);
  source.version = std::string(lines[1]);
  source.tree = dir / "tree";
  source.key = fmt::format("debian:{}_{}:{}", lines[0], lines[1], lines[2]);
  return source;
}

}  // namespace

std::string FetchedSource::describe() const { return fmt::format("Debian {} {}", package, version); }

std::vector<FetchedSource> fetched_sources(const fs::path& cache) {
  std::vector<std::pair<fs::file_time_type, FetchedSource>> found;
  std::error_code failed;
  for (fs::directory_iterator entry(sources_in(cache), failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    if (entry->path().filename().string().starts_with('.')) continue;
    std::error_code ignored;
    if (auto source = read_source(entry->path())) {
      found.emplace_back(fs::last_write_time(entry->path() / "package", ignored), *std::move(source));
    }
  }
  // Two packages of one kernel series: the one fetched later is the newer.
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::pair(kernel_series_of(a.second.package), a.first) >
           std::pair(kernel_series_of(b.second.package), b.first);
  });
  std::vector<FetchedSource> sources;
  for (auto& [time, source] : found) sources.push_back(std::move(source));
  return sources;
}

namespace {

/// "linux-source-7.4 7.4.1-1 passed over: patch 1 of 3, x, does not apply: ...".
std::string passed_over(const FetchedSource& source, const Error& error) {
  return fmt::format("{} {} passed over: {}", source.package, source.version, error.what);
}

/// A series that does not apply is a reason to look at an older kernel; anything else is an error of its own.
bool is_misfit(const Error& error) { return error.kind == "usage"; }

Error fits_none(const std::vector<std::string>& reasons) {
  return usage_error(fmt::format("the series applies to none of the kernel sources there are: {}", join(reasons, "; ")))
      .because("rebase it, or give the tree that it is for: holdfast kernel build --tree DIR --series PATH");
}

}  // namespace

Result<FetchedSource> newest_fetched(const fs::path& cache, const PatchSeries& series, const Deadline& deadline) {
  std::vector<std::string> reasons;
  for (FetchedSource& source : fetched_sources(cache)) {
    const auto fits = check_series(series, source.tree, deadline);
    if (fits) {
      source.notes = std::move(reasons);
      return std::move(source);
    }
    if (!is_misfit(fits.error())) return fits.error();
    reasons.push_back(passed_over(source, fits.error()));
  }
  if (!reasons.empty()) return fits_none(reasons);
  return usage_error("no kernel source has been fetched yet").because("holdfast kernel fetch");
}

namespace {

/// Unpacks the archive of a kernel tree, telling how much of it has been read: the file's position is shared with tar.
Result<void> unpack_archive(const fs::path& archive, const fs::path& into, const Deadline& deadline,
                            const ProgressSink& progress) {
  TRY(make_dirs(into));
  const Fd input = TRY(open_file(archive, O_RDONLY));
  std::error_code ignored;
  Step step(progress, "unpack", archive.filename().string(), fs::file_size(archive, ignored));
  // A terminating xz decompresses with several threads only when asked.
  const Command tar{.argv = {"tar", "-x", "-J", "--no-same-owner", "--strip-components=1", "-f", "-"},
                    .cwd = into,
                    .env = {{"LC_ALL", "C"}, {"XZ_DEFAULTS", "-T0"}},
                    .stdin_fd = input.get()};
  const fs::path log = into.parent_path() / "unpack.log";
  const auto tell = [&] {
    const off_t at = ::lseek(input.get(), 0, SEEK_CUR);
    step.at(at < 0 ? 0 : static_cast<uint64_t>(at));
  };
  const ExitStatus status = TRY(run_followed(tar, log, deadline.at_most(std::chrono::hours(1)), tell));
  const auto said = read_file(log);
  fs::remove(log, ignored);
  if (status.success()) return {};
  if (said && said->find("No space left on device") != std::string::npos)
    return disk_full(into, "unpack the kernel source");
  return lab_error("damaged", fmt::format("tar cannot unpack {}: {}", archive.filename().string(), status.describe()))
      .with("tar", said ? std::string(last_lines(*said, 20)) : "");
}

Result<fs::path> archive_in(const fs::path& package_root) {
  std::error_code failed;
  for (fs::directory_iterator entry(package_root / "usr/src", failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("linux-source-") && name.ends_with(".tar.xz")) return entry->path();
  }
  return lab_error("damaged", "the package holds no usr/src/linux-source-*.tar.xz");
}

/// Removes a folder whatever happens to the work in it; but for somebody who wants to stop at once, since removing a
/// whole tree may take a while: the next fetch does it then.
struct Staging {
  Staging(fs::path folder, const Deadline& until) : path(std::move(folder)), deadline(until) {}
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging() {
    std::error_code ignored;
    if (!deadline.stopped()) fs::remove_all(path, ignored);
  }
  fs::path path;
  Deadline deadline;
};

/// Steps: room for it; download; unpack the .deb, then the archive in it; mark it whole; rename it into place.
Result<FetchedSource> obtain(const PrivateApt& apt, const AptPackage& package, const fs::path& cache,
                             const Deadline& deadline, const ProgressSink& progress) {
  const fs::path place = sources_in(cache) / fmt::format("{}_{}", package.name, package.version);
  if (auto there = read_source(place)) return *std::move(there);
  // A tree is some eleven times its package, and package, archive and tree are there at the same time.
  constexpr uint64_t kTimesPackage = 14;
  TRY(require_space(cache, package.size * kTimesPackage, fmt::format("fetch and unpack {}", package.name)));
  const Staging staging(sources_in(cache) / fmt::format("{}{}", kStagingPrefix, random_hex(8)), deadline);
  TRY(make_dirs(staging.path / "deb"));
  const fs::path deb = TRY(apt.download(package, staging.path / "deb", deadline, progress));
  const fs::path root = staging.path / "root";
  const Output opened = TRY(run({.argv = {"dpkg-deb", "-x", deb.string(), root.string()}, .env = {{"LC_ALL", "C"}}},
                                deadline.at_most(std::chrono::minutes(10))));
  if (!opened.status.success()) {
    if (opened.err.find("No space left") != std::string::npos) return disk_full(cache, "unpack the kernel source");
    return lab_error("damaged", "dpkg-deb cannot unpack the kernel source").with("dpkg-deb", opened.err);
  }
  const fs::path whole = staging.path / "whole";
  TRY(unpack_archive(TRY(archive_in(root)), whole / "tree", deadline, progress));
  TRY_IN("what was unpacked", kernel_version_of(whole / "tree"));
  TRY(write_file_atomic(whole / "package", fmt::format("{}\n{}\n{}\n", package.name, package.version, package.sha256)));
  std::error_code failed;
  fs::remove_all(place, failed);
  fs::rename(whole, place, failed);
  if (failed) return system_error(fmt::format("put the kernel source into {}", place.string()), failed.value());
  auto source = read_source(place);
  if (!source) return harness_error("source", fmt::format("{} is not what was put there", place.string()));
  source->downloaded = true;
  return *std::move(source);
}

void clear_staging(const fs::path& cache) {
  std::error_code failed;
  for (fs::directory_iterator entry(sources_in(cache), failed); !failed && entry != fs::directory_iterator();
       entry.increment(failed)) {
    std::error_code ignored;
    if (entry->path().filename().string().starts_with(kStagingPrefix)) fs::remove_all(entry->path(), ignored);
  }
}

/// Older packages of the same kernel series give way; unless a build is going on, which may be reading one.
void drop_older(const fs::path& cache, const FetchedSource& kept) {
  const auto idle = WorkLock::try_take(cache / "build" / "lock", "tidies up");
  if (!idle || !*idle) return;
  for (const FetchedSource& source : fetched_sources(cache)) {
    std::error_code ignored;
    if (source.package == kept.package && source.version != kept.version)
      fs::remove_all(source.tree.parent_path(), ignored);
  }
}

/// The sources that the mirror offers.
Result<std::vector<AptPackage>> offered(const PrivateApt& apt, const Deadline& deadline, const ProgressSink& progress) {
  const Step step(progress, "lists");
  TRY(apt.update(deadline));
  return apt.kernel_sources(deadline);
}

}  // namespace

Result<FetchedSource> fetch_source(const FetchPlan& plan, const Deadline& deadline, const ProgressSink& progress) {
  const std::string mirror = TRY(system_debian_mirror(plan.etc_apt));
  const auto lock =
      TRY(WorkLock::take(sources_in(plan.cache) / ".lock", "fetches a kernel source", deadline, progress));
  clear_staging(plan.cache);
  const PrivateApt apt = TRY(PrivateApt::create(plan.cache / "apt", mirror, plan.suite));
  const auto packages = offered(apt, deadline, progress);
  if (!packages) {
    auto there = newest_fetched(plan.cache, plan.series, deadline);
    if (packages.error().kind != "network" || !there) return packages.error();
    there->notes.push_back(fmt::format("{}; the source fetched before is used", packages.error().what));
    return there;
  }
  std::vector<std::string> reasons;
  for (const AptPackage& package : *packages) {
    FetchedSource source = TRY(obtain(apt, package, plan.cache, deadline, progress));
    const auto fits = check_series(plan.series, source.tree, deadline);
    if (!fits && !is_misfit(fits.error())) return fits.error();
    if (fits) {
      source.notes = std::move(reasons);
      drop_older(plan.cache, source);
      return source;
    }
    reasons.push_back(passed_over(source, fits.error()));
  }
  return fits_none(reasons);
}

}  // namespace holdfast
