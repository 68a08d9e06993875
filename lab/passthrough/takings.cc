// Which devices has a harness taken from this machine, and what were they before?
#include "lab/passthrough/takings.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "harness/base/file.h"
#include "harness/base/sysfs.h"
#include "harness/kernel/data_dir.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int kVersion = 1;

Json to_json(const TakenFunction& function) {
  return {{"bdf", function.bdf},
          {"driver", function.driver},
          {"driver_override", function.driver_override},
          {"num_vfs", function.num_vfs},
          {"config", function.config}};
}

Taking from_json(const fs::path& file, const Json& json) {
  if (json.at("version").get<int>() != kVersion) throw Json::out_of_range::create(0, "another version", &json);
  const Json& owner = json.at("owner");
  Taking taking{.file = file,
                .owner = {.user = owner.at("user"),
                          .host = owner.at("host"),
                          .pid = owner.at("pid"),
                          .start = owner.at("start"),
                          .boot_id = owner.at("boot_id"),
                          .space = owner.at("space")},
                .functions = {}};
  for (const Json& one : json.at("functions")) {
    taking.functions.push_back({.bdf = one.at("bdf"),
                                .driver = one.at("driver"),
                                .driver_override = one.at("driver_override"),
                                .num_vfs = one.at("num_vfs"),
                                .config = one.at("config")});
    // Names become paths.
    const TakenFunction& last = taking.functions.back();
    if (!is_bdf(last.bdf) || last.driver.find('/') != std::string::npos) {
      throw Json::out_of_range::create(0, "a name that is none", &json);
    }
  }
  return taking;
}

}  // namespace

Result<fs::path> takings_folder() { return TRY(state_dir()) / "taken"; }

Result<void> write_taking(const Taking& taking) {
  Json functions = Json::array();
  for (const TakenFunction& function : taking.functions) functions.push_back(to_json(function));
  const Json json = {{"version", kVersion},
                     {"owner",
                      {{"user", taking.owner.user},
                       {"host", taking.owner.host},
                       {"pid", taking.owner.pid},
                       {"start", taking.owner.start},
                       {"boot_id", taking.owner.boot_id},
                       {"space", taking.owner.space}}},
                     {"functions", functions}};
  return write_file_atomic(taking.file, json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Result<std::vector<Taking>> read_takings(const fs::path& folder) {
  std::vector<Taking> takings;
  for (const std::string& name : names_in(folder)) {
    const fs::path file = folder / name;
    if (file.extension() != ".json") continue;
    const std::string text = TRY(read_file(file));
    try {
      takings.push_back(from_json(file, Json::parse(text)));
    } catch (const Json::exception& error) {
      return lab_error("passthrough", fmt::format("{} does not say what was taken: {}", file.string(), error.what()))
          .because("look at the devices by hand, then remove the file");
    }
  }
  return takings;
}

bool before_restart(const Owner& owner, const Owner& self) {
  return owner.host == self.host && owner.boot_id != self.boot_id;
}

bool is_left_over(const Taking& taking, const Owner& self) {
  return !before_restart(taking.owner, self) && life_of(taking.owner, self) == Life::kGone;
}

}  // namespace holdfast::lab
