import { BarChart, CustomChart, LineChart, RadarChart } from "echarts/charts";
import { GridComponent, MarkLineComponent, RadarComponent, TooltipComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([BarChart, CustomChart, LineChart, RadarChart]);
use([GridComponent, MarkLineComponent, RadarComponent, TooltipComponent, SVGRenderer]);

export { init };
