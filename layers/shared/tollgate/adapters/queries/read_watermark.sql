SELECT rolled_up_to FROM rollup_watermarks WHERE rollup = 'spans'
