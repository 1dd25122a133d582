"""What others wrote, as interactions: one file per format, the checks they share, and the simulator."""

from knowtrace.sources.contamination import Contamination, find_contamination
from knowtrace.sources.dataset import Dataset
from knowtrace.sources.inspection import Inspection, inspect
from knowtrace.sources.leaving_out import without_students
from knowtrace.sources.obstacles import training_obstacles
from knowtrace.sources.planting import Planted, plant
from knowtrace.sources.quarantine import write_quarantine
from knowtrace.sources.reader import read
from knowtrace.sources.simulation_folder import write_simulation
from knowtrace.sources.simulator import Simulation, SimulationConfig, simulate
from knowtrace.sources.twins import find_twins, linked

__all__ = [
    "Contamination",
    "Dataset",
    "Inspection",
    "Planted",
    "Simulation",
    "SimulationConfig",
    "find_contamination",
    "find_twins",
    "inspect",
    "linked",
    "plant",
    "read",
    "simulate",
    "training_obstacles",
    "without_students",
    "write_quarantine",
    "write_simulation",
]
