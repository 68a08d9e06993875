// How do end-to-end tests get a cluster, and take computers away from it?
#include "harness/e2e/slurm/cluster.h"

#include <fcntl.h>
#include <stdlib.h>

#include "harness/base/text.h"
#include "harness/e2e/eventually.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

/// Measured 1.2 s; this is for a computer that does other things as well.
constexpr Millis kUp{60'000};
constexpr Millis kCommand{60'000};

std::string tool() { return (source_dir() / "tools/slurm-loopback").string(); }

}  // namespace

Result<Cluster> Cluster::start(const std::string& licenses) {
  TempDir dir = TRY(TempDir::create("hfs"));  // short: sockets are in it
  std::vector<std::string> argv{tool(), "up", (dir.path() / "c").string()};
  if (!licenses.empty()) argv.insert(argv.end(), {"--licenses", licenses});
  const Fd said = TRY(open_file(dir.path() / "said", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND));
  Cluster cluster(std::move(dir),
                  TRY(Process::start({.argv = argv, .stdout_fd = said.get(), .stderr_fd = said.get()})));
  const auto told = [&] { return *read_file(cluster.dir_.path() / "said"); };
  const auto ready = [&] { return told().find("ready") != std::string::npos; };
  if (!eventually([&] { return ready() || cluster.process_.poll(); }, kUp) || !ready()) {
    return lab_error("slurm", "the cluster does not come up: " + told());
  }
  ::setenv("SLURM_CONF", (cluster.folder() / "slurm.conf").c_str(), 1);
  return cluster;
}

Cluster::~Cluster() {
  if (!dir_.path().empty()) ::unsetenv("SLURM_CONF");
}

void Cluster::tell(const std::string& verb, const std::string& node) const {
  static_cast<void>(holdfast::run({.argv = {tool(), verb, folder().string(), node}}, Deadline::after(kCommand)));
}

std::string Cluster::ask(std::vector<std::string> argv) {
  const auto output = holdfast::run({.argv = std::move(argv)}, Deadline::after(kCommand));
  return output && output->status.success() ? output->out : std::string();
}

std::string Cluster::logs() const {
  std::string all;
  for (const char* name : {"slurmctld", "n1", "n2"}) {
    const auto log = read_file(folder() / "log" / name);
    if (log) all += std::string(name) + ":\n" + std::string(last_lines(*log, 30));
  }
  return all;
}

}  // namespace holdfast::e2e
