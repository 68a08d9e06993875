// What did the user ask of the results of earlier runs?
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace holdfast {

/// `holdfast report WHAT RUN...`: each run is its folder, its journal or a junit.xml.
struct ReportOptions {
  std::string what;  ///< html, merge, compare, trend, flaky, site, kcidb or summary
  std::vector<std::filesystem::path> runs;
  std::filesystem::path out;  ///< empty: where the form usually goes
  std::string origin;         ///< kcidb: who submits
  std::string build_id;       ///< kcidb: the build there, or empty
  std::string artifacts_url;  ///< kcidb: where the run's folder can be fetched from, or empty
};

}  // namespace holdfast
